package slipway_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestHTTPStatus(t *testing.T) {
	for code, want := range map[slipway.Code]int{
		slipway.Invalid:         http.StatusBadRequest,
		slipway.Unauthenticated: http.StatusUnauthorized,
		slipway.Forbidden:       http.StatusForbidden,
		slipway.NotFound:        http.StatusNotFound,
		slipway.Conflict:        http.StatusConflict,
		slipway.Exists:          http.StatusConflict,
		slipway.Stale:           http.StatusConflict,
		slipway.Unavailable:     http.StatusServiceUnavailable,
		slipway.TooLarge:        http.StatusRequestEntityTooLarge,
		slipway.Internal:        http.StatusInternalServerError,
		"":                      http.StatusInternalServerError,
	} {
		if got := code.HTTPStatus(); got != want {
			t.Errorf("%q is %d, want %d", code, got, want)
		}
	}
}

func TestPermanent(t *testing.T) {
	for code, want := range map[slipway.Code]bool{slipway.TooLarge: true, slipway.Unavailable: false, slipway.Stale: false, slipway.Internal: false, "": false} {
		if code.Permanent() != want {
			t.Errorf("%q is permanent: %t", code, !want)
		}
	}
}

func TestOnlyAnErrorOfOursIsShown(t *testing.T) {
	cause := errors.New("dial 10.0.0.7: refused")
	shown := slipway.Errorf(slipway.Unavailable, "the registry does not answer: %w", cause).Do("try again")
	for _, c := range []struct {
		err     error
		code    slipway.Code
		message string
	}{
		{nil, "", ""},
		{cause, slipway.Internal, "internal error"},
		{shown, slipway.Unavailable, "the registry does not answer: dial 10.0.0.7: refused\ntry again"},
		{fmt.Errorf("reading row 7: %w", shown), slipway.Unavailable, shown.Error()},
	} {
		if code, message := slipway.CodeOf(c.err), slipway.MessageOf(c.err); code != c.code || message != c.message {
			t.Errorf("%v: %s, %q", c.err, code, message)
		}
	}
	if !errors.Is(shown, cause) {
		t.Error("the cause is lost")
	}
}
