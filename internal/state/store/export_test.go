package store

import (
	"context"
	"database/sql"
)

// Write is a bare write, for tests of what surrounds it.
func Write(ctx context.Context, s *Store, statement func(try int) string) error {
	try := 0
	return s.write(ctx, "test", func(ctx context.Context, t *tx) error {
		try++
		_, err := t.ExecContext(ctx, statement(try))
		return err
	})
}

// Setting is what one connection of the pool runs with.
func Setting(ctx context.Context, s *Store, query string) (value string, err error) {
	return value, s.writing.QueryRowContext(ctx, query).Scan(&value)
}

// Settings is what every connection of both pools runs with.
func Settings(ctx context.Context, s *Store, query string) (values []string, err error) {
	for db, n := range map[*sql.DB]int{s.reading: sqliteReaders, s.writing: 1} {
		var held []*sql.Conn // so that each is another one
		defer func() {
			for _, c := range held {
				_ = c.Close()
			}
		}()
		for range n {
			c, err := db.Conn(ctx)
			if err != nil {
				return nil, err
			}
			held = append(held, c)
			var v string
			if err := c.QueryRowContext(ctx, query).Scan(&v); err != nil {
				return nil, err
			}
			values = append(values, v)
		}
	}
	return values, nil
}
