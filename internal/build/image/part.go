package image

import (
	"bytes"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// partsOf lists the blobs of an image, its configuration last, and how many
// bytes they are together.
func partsOf(img v1.Image) (parts []part, total int64, err error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, 0, err
	}
	for _, l := range layers {
		parts = append(parts, l)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, 0, err
	}
	parts = append(parts, configuration(config))
	for _, p := range parts {
		size, err := p.Size()
		if err != nil {
			return nil, 0, err
		}
		total += size
	}
	return parts, total, nil
}

// configuration is an image's config file as a blob.
type configuration []byte

func (c configuration) Size() (int64, error) { return int64(len(c)), nil }
func (c configuration) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(c))
	return h, err
}
func (c configuration) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c)), nil
}

// meter counts bytes and tells of them.
type meter struct {
	done, total int64
	tell        func(done, total int64)
}

func (m *meter) Write(b []byte) (int, error) { m.add(int64(len(b))); return len(b), nil }

func (m *meter) add(n int64) {
	m.done += n
	if m.tell != nil {
		m.tell(m.done, m.total)
	}
}
