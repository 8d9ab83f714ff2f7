package server

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway/api"
)

// body is an answer in JSON.
type body[T any] struct{ Body T }

// none is what a call without parameters takes.
type none struct{}

// get registers a call that reads.
func get[I, O any](s *Server, on huma.API, id, path, summary string, fn func(context.Context, *I) (O, error)) {
	register(s, on, http.MethodGet, id, path, summary, fn)
}

// post registers a call that changes something.
func post[I, O any](s *Server, on huma.API, id, path, summary string, fn func(context.Context, *I) (O, error)) {
	register(s, on, http.MethodPost, id, path, summary, fn)
}

func register[I, O any](s *Server, on huma.API, method, id, path, summary string, fn func(context.Context, *I) (O, error)) {
	huma.Register(on, operation(on, method, id, path, summary), func(ctx context.Context, in *I) (*body[O], error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, fail(s.Log, err)
		}
		return &body[O]{out}, nil
	})
}

func operation(on huma.API, method, id, path, summary string) huma.Operation {
	problem := on.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[api.Problem](), true, "Problem")
	return huma.Operation{
		Method: method, OperationID: id, Path: "/api/v1" + path, Summary: summary, MaxBodyBytes: maxBody,
		Responses: map[string]*huma.Response{"default": {
			Description: "What went wrong and what to do",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}},
	}
}

// listed is the answer of a call that lists; never null.
func listed[T any](items []T, err error) (api.List[T], error) {
	if items == nil {
		items = []T{}
	}
	return api.List[T]{Items: items}, err
}
