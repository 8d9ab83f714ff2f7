package slipway_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestBuckets(t *testing.T) {
	for b := slipway.FirstBucket + 1; b <= slipway.LastBucket; b++ {
		begin := b.Begin()
		if got := slipway.BucketOf(begin); got != b {
			t.Fatalf("bucket %d begins at %s, which is in %d", b, begin, got)
		}
		if got := slipway.BucketOf(begin - 1); got != b-1 {
			t.Fatalf("bucket %d begins at %s; what is shorter is in %d", b, begin, got)
		}
	}
	for d, want := range map[time.Duration]slipway.Bucket{-1: slipway.FirstBucket, 0: slipway.FirstBucket, time.Hour: slipway.LastBucket, 1<<63 - 1: slipway.LastBucket} {
		if got := slipway.BucketOf(d); got != want {
			t.Errorf("%s is in bucket %d, not %d", d, got, want)
		}
	}
}

func TestBucketsAreLogarithms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		d := time.Duration(math.Exp2(4+23*random.Float64()) * float64(time.Microsecond))
		want := slipway.Bucket(math.Log2(float64(d)/float64(time.Microsecond)) * slipway.BucketsPerDouble)
		if got := slipway.BucketOf(d); got != want {
			t.Fatalf("%d ns are in bucket %d, not %d", d, got, want)
		}
	}
}

func BenchmarkBucketOf(b *testing.B) {
	d := time.Duration(20_000)
	for b.Loop() {
		d = time.Duration(20_000 + 1000*int64(slipway.BucketOf(d)))
	}
}
