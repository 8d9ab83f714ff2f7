package api

import (
	"context"
	"net/http"
)

// CreateRouterToken asks for a token of the router of that name.
type CreateRouterToken struct {
	Router string `json:"router"`
}

// RouterToken is shown once.
type RouterToken struct {
	Token  string `json:"token"`
	Router string `json:"router"`
}

// AddRouterToken makes a token for a router that runs apart. It is shown this
// once.
func (c *Client) AddRouterToken(ctx context.Context, router string) (RouterToken, error) {
	return call[RouterToken](ctx, c, http.MethodPost, path("router-tokens"), nil, CreateRouterToken{Router: router})
}
