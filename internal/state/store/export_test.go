package store

import "context"

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
