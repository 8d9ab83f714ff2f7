package retention_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/retention"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is some services' releases and what needs them.
type world struct {
	all  []slipway.Holding
	uses []slipway.Use
	keep slipway.Keep
}

func drawn(t *rapid.T) world {
	w := world{keep: slipway.Keep{Releases: rapid.IntRange(1, 5).Draw(t, "keep"), Age: time.Duration(rapid.IntRange(0, 30).Draw(t, "age")) * 24 * time.Hour}}
	for s := range rapid.IntRange(0, 3).Draw(t, "services") {
		service := slipway.ServiceName(fmt.Sprintf("s%d", s))
		number := 0
		for range rapid.IntRange(0, 12).Draw(t, "releases") {
			number += rapid.IntRange(1, 2).Draw(t, "step")
			w.all = append(w.all, slipway.Holding{
				Service: service, Number: number, Image: slipway.Digest(fmt.Sprint(rapid.IntRange(0, 15).Draw(t, "image"))),
				CreatedAt: now.Add(-time.Duration(rapid.IntRange(-2, 60).Draw(t, "days")) * 24 * time.Hour),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "uses") {
			w.uses = append(w.uses, slipway.Use{
				Target:  slipway.TargetID{Service: service, Environment: slipway.EnvironmentName(rapid.SampledFrom([]string{"test", "prod"}).Draw(t, "in"))},
				Release: rapid.IntRange(0, 20).Draw(t, "used"),
			})
		}
	}
	return w
}

func (w world) chosen() []slipway.Holding {
	return retention.Choose(w.all, retention.Old(w.all, w.keep, now), w.uses)
}

func (w world) used(h slipway.Holding) bool {
	return slices.ContainsFunc(w.uses, func(u slipway.Use) bool { return u.Target.Service == h.Service && u.Release == h.Number })
}

func (w world) newer(h slipway.Holding) (n int) {
	for _, o := range w.all {
		if o.Service == h.Service && o.Number > h.Number {
			n++
		}
	}
	return n
}

// Nothing that is used, young or new goes, nor an image that any release has
// which stays; everything else goes, and then there is nothing more to do.
func TestWhatGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawn(t)
		gone := w.chosen()
		stays := slices.DeleteFunc(slices.Clone(w.all), func(h slipway.Holding) bool { return slices.Contains(gone, h) })
		if len(stays)+len(gone) != len(w.all) {
			t.Fatalf("%d stay and %d go of %d", len(stays), len(gone), len(w.all))
		}
		needed := map[slipway.Digest]bool{}
		for _, h := range stays {
			needed[h.Image] = true
		}
		for _, h := range gone {
			switch {
			case w.used(h):
				t.Fatalf("%s is in use", h)
			case w.newer(h) < w.keep.Releases:
				t.Fatalf("%s is among the newest", h)
			case now.Sub(h.CreatedAt) <= w.keep.Age:
				t.Fatalf("%s is young", h)
			case needed[h.Image]:
				t.Fatalf("the image of %s is another's, too", h)
			}
		}
		for _, h := range stays {
			free := !w.used(h) && w.newer(h) >= w.keep.Releases && now.Sub(h.CreatedAt) > w.keep.Age
			shared := slices.ContainsFunc(stays, func(o slipway.Holding) bool { return o != h && o.Image == h.Image })
			if free && !shared {
				t.Fatalf("%s stays for no reason", h)
			}
		}
		w.all = stays
		if again := w.chosen(); len(again) != 0 {
			t.Fatalf("%v go afterwards", again)
		}
	})
}

func TestOldEventsAndAgents(t *testing.T) {
	old, young := now.Add(-181*24*time.Hour), now.Add(-179*24*time.Hour)
	got := retention.Events([]slipway.Event{
		{Seq: 1, At: old}, {Seq: 2, At: young}, {Seq: 3, At: old, Build: "a/1"}, {Seq: 4, At: old, Build: "a/2"}, {Seq: 5, At: old, Deployment: 7}, {Seq: 6, At: old, Deployment: 8},
	}, []slipway.Holding{{BuildSlug: "a/1"}, {}}, []slipway.Use{{Deployment: 7}, {}}, slipway.DefaultKeep, now)
	if !slices.Equal(got, []int64{1, 4, 6}) {
		t.Errorf("events %v", got)
	}
	gone := retention.Agents([]slipway.Agent{{ID: "a", LastSeen: old}, {ID: "b", LastSeen: old, State: slipway.AgentConnected}, {ID: "c", LastSeen: now}}, slipway.DefaultKeep, now)
	if !slices.Equal(gone, []slipway.AgentID{"a"}) {
		t.Errorf("agents %v", gone)
	}
}

func TestPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "releases=20,age=30d,deployments=10,logs=180d,agents=30d",
		"releases=1, age=12h":          "releases=1,age=12h0m0s,deployments=10,logs=180d,agents=30d",
		"deployments=3,logs=7d,age=0s": "releases=20,age=0d,deployments=3,logs=7d,agents=30d",
	} {
		k, err := retention.ParseKeep(text)
		if got := retention.FormatKeep(k); got != want || err != nil {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"releases=0", "deployments=-1", "age=-1h", "age=30", "age=1000000d", "logs", "everything=yes", "releases=1,,age=1d"} {
		if _, err := retention.ParseKeep(text); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
