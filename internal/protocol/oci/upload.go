package oci

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"
)

// upload is a blob on its way in, spooled to a file until its digest is known
// to be right. It survives a restart of the server.
type upload struct {
	ctx    context.Context // of the request: BlobWriter has no other way
	images *Images
	id     string
	file   *os.File
	size   int64
	start  int64 // where the client says its bytes begin, until the first are written; -1: anywhere
}

var (
	uploadID   = regexp.MustCompile(`^[A-Z2-7]{26}$`)
	uploadFile = regexp.MustCompile(`^[a-z0-9-]+\.[A-Z2-7]{26}$`)
)

// PushBlobChunked begins an upload.
func (b backend) PushBlobChunked(ctx context.Context, repository string, _ int) (ociregistry.BlobWriter, error) {
	if err := b.sweep(time.Now()); err != nil {
		return nil, err
	}
	return b.open(ctx, repository, rand.Text(), 0, os.O_CREATE|os.O_EXCL)
}

// PushBlobChunkedResume goes on with an upload.
func (b backend) PushBlobChunkedResume(ctx context.Context, repository, id string, offset int64, _ int) (ociregistry.BlobWriter, error) {
	return b.open(ctx, repository, id, offset, 0)
}

// PushBlob takes a blob in one request.
func (b backend) PushBlob(ctx context.Context, repository string, desc ociregistry.Descriptor, r io.Reader) (ociregistry.Descriptor, error) {
	w, err := b.PushBlobChunked(ctx, repository, 0)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	defer func() { _ = w.Cancel() }()
	if _, err := io.Copy(w, r); err != nil {
		return ociregistry.Descriptor{}, err
	}
	return w.Commit(desc.Digest)
}

func (s *Images) open(ctx context.Context, repository, id string, offset int64, flag int) (*upload, error) {
	if !uploadID.MatchString(id) {
		return nil, ociregistry.ErrBlobUploadUnknown
	}
	file, err := os.OpenFile(filepath.Join(s.spool, repository+"."+id), os.O_RDWR|os.O_APPEND|flag, 0o600)
	if errors.Is(err, fs.ErrNotExist) && flag == 0 {
		return nil, ociregistry.ErrBlobUploadUnknown
	} else if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &upload{ctx: ctx, images: s, id: id, file: file, size: info.Size(), start: offset}, nil
}

// sweep removes uploads that nobody went on with, and bounds their number.
func (s *Images) sweep(now time.Time) error {
	files, err := os.ReadDir(s.spool)
	if err != nil {
		return err
	}
	open := 0
	for _, f := range files {
		if !uploadFile.MatchString(f.Name()) {
			continue
		}
		info, err := f.Info()
		if err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
			err = os.Remove(filepath.Join(s.spool, f.Name()))
		} else if err == nil {
			open++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if open >= maxUploads {
		return ociregistry.ErrTooManyRequests
	}
	return nil
}

func (u *upload) Write(p []byte) (int, error) {
	if u.start >= 0 && u.start != u.size {
		return 0, fail(u.ctx, ociregistry.ErrRangeInvalid)
	}
	u.start = -1
	if u.size+int64(len(p)) > MaxBlobBytes {
		return 0, fail(u.ctx, tooLarge(MaxBlobBytes))
	}
	n, err := u.file.Write(p)
	u.size += int64(n)
	return n, fail(u.ctx, err)
}

// Commit stores the blob when it has the digest that it should have.
func (u *upload) Commit(want ociregistry.Digest) (ociregistry.Descriptor, error) {
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return ociregistry.Descriptor{}, err
	}
	got, err := digest.SHA256.FromReader(u.file)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	if got != want {
		return ociregistry.Descriptor{}, errors.Join(ociregistry.ErrDigestInvalid, u.Cancel())
	}
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return ociregistry.Descriptor{}, err
	}
	// What is stored is looked at once more: another server may be taking a part of
	// the same upload.
	stored := verify(u.file, got)
	err = u.images.blobs.Put(u.ctx, blobKey(got), stored)
	if stored.damaged {
		return ociregistry.Descriptor{}, errors.Join(ociregistry.ErrDigestInvalid, u.Cancel())
	} else if err != nil {
		return ociregistry.Descriptor{}, err
	}
	return ociregistry.Descriptor{MediaType: "application/octet-stream", Digest: got, Size: u.size}, u.Cancel()
}

// Cancel forgets the upload.
func (u *upload) Cancel() error {
	err := os.Remove(u.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, u.Close())
}

func (u *upload) Close() error {
	if err := u.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (u *upload) ID() string     { return u.id }
func (u *upload) Size() int64    { return u.size }
func (u *upload) ChunkSize() int { return 0 }
