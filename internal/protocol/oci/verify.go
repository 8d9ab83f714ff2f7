package oci

import (
	"errors"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// verified is a blob that ends with an error when it was not what its digest
// says: a disk may lie.
type verified struct {
	io.ReadCloser
	hash    hash.Hash
	want    digest.Digest
	damaged bool
}

func verify(r io.ReadCloser, want digest.Digest) *verified {
	return &verified{ReadCloser: r, hash: digest.SHA256.Hash(), want: want}
}

func (v *verified) Read(b []byte) (int, error) {
	n, err := v.ReadCloser.Read(b)
	v.hash.Write(b[:n])
	if errors.Is(err, io.EOF) && digest.NewDigest(digest.SHA256, v.hash) != v.want {
		v.damaged = true
		return n, slipway.Errorf(slipway.Internal, "the stored blob %s is damaged", v.want)
	}
	return n, err
}
