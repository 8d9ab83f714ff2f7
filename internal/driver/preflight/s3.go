package preflight

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"syscall"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// askS3 puts a marker object, gets it and deletes it again. Where the bucket is
// and who asks say the variables that every SDK reads.
func askS3(ctx context.Context, address string, vars map[string]string) (string, error) {
	bucket, err := url.Parse(address)
	if err != nil || bucket.Scheme != "s3" || bucket.Host == "" {
		return "", errAddress
	}
	at, err := url.Parse(cmp.Or(vars["AWS_ENDPOINT_URL_S3"], vars["AWS_ENDPOINT_URL"], "https://s3.amazonaws.com"))
	if err != nil || at.Host == "" {
		return bucket.Host, errors.New("AWS_ENDPOINT_URL is no URL")
	}
	where := at.Host + "/" + bucket.Host
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := minio.New(at.Host, &minio.Options{
		Creds: access(vars), Secure: at.Scheme == "https", Region: cmp.Or(vars["AWS_REGION"], vars["AWS_DEFAULT_REGION"]),
		Transport: transport, MaxRetries: 1,
	})
	if err != nil {
		return where, err
	}
	key := path.Join(strings.Trim(bucket.Path, "/"), ".slipway-preflight-"+rand.Text())
	err = mark(ctx, client, bucket.Host, key)
	for n := 1; n < attempts && cut(err); n++ {
		err = mark(ctx, client, bucket.Host, key)
	}
	return where, err
}

// attempts to hear what a server says that refuses a request before it has read
// it all: what it says can be lost with the connection.
const attempts = 3

func cut(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) }

func access(vars map[string]string) *credentials.Credentials {
	if id := vars["AWS_ACCESS_KEY_ID"]; id != "" {
		return credentials.NewStaticV4(id, vars["AWS_SECRET_ACCESS_KEY"], vars["AWS_SESSION_TOKEN"])
	}
	return credentials.NewIAM("") // of the machine
}

func mark(ctx context.Context, client *minio.Client, bucket, key string) (err error) {
	const text = "Slipway looks whether this bucket can be used. It may be deleted.\n"
	if _, err := client.PutObject(ctx, bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{ContentType: "text/plain"}); err != nil {
		return said("put", err)
	}
	defer func() {
		if gone := client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{}); gone != nil && err == nil {
			err = said("delete", gone)
		}
	}()
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return said("get", err)
	}
	defer func() { _ = object.Close() }()
	got, err := io.ReadAll(io.LimitReader(object, int64(len(text))+1))
	if err != nil {
		return said("get", err)
	}
	if string(got) != text {
		return errors.New("get: what was put came back as something else")
	}
	return nil
}

// said is what the server answered, or the error of the way to it.
func said(doing string, err error) error {
	if r := minio.ToErrorResponse(err); r.Code != "" && r.StatusCode != 0 {
		return fmt.Errorf("%s: %s (%s)", doing, strings.TrimSuffix(r.Message, "."), r.Code)
	}
	return err
}
