package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slipway-cd/slipway"
)

// querier is a database or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// maxRows bounds every list that a caller can ask the length of.
const maxRows = 1000

func bounded(limit int) int {
	if limit <= 0 || limit > maxRows {
		return maxRows
	}
	return limit
}

// one reads a row whose only column is a noun as JSON. It returns
// sql.ErrNoRows when there is none.
func one[T any](ctx context.Context, q querier, query string, args ...any) (T, error) {
	var v T
	var data string
	if err := q.QueryRowContext(ctx, query, args...).Scan(&data); err != nil {
		return v, err
	}
	return v, decode(data, &v)
}

// list reads rows whose only column is a noun as JSON.
func list[T any](ctx context.Context, q querier, query string, args ...any) ([]T, error) {
	return scan(ctx, q, func(rows *sql.Rows) (v T, err error) {
		var data string
		if err := rows.Scan(&data); err != nil {
			return v, err
		}
		return v, decode(data, &v)
	}, query, args...)
}

// scan reads rows one by one.
func scan[T any](ctx context.Context, q querier, row func(*sql.Rows) (T, error), query string, args ...any) (_ []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		v, err := row(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(data), nil
}

func decode(data string, v any) error {
	if err := json.Unmarshal([]byte(data), v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// checkText refuses what PostgreSQL cannot keep in a column. JSON keeps anything.
func checkText(what, s string) error {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return slipway.Errorf(slipway.Invalid, "%s must be UTF-8 without NUL, not %.80q", what, s)
	}
	return nil
}

// where collects conditions and their parameters.
type where struct {
	conditions []string
	args       []any
}

// and adds a condition in which each ? stands for the next of args.
func (w *where) and(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
