package controller

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestWeeklyFreeze(t *testing.T) {
	weekend := slipway.Weekly{From: slipway.Moment{Day: time.Friday, Minute: 16 * 60}, Until: slipway.Moment{Day: time.Monday, Minute: 8 * 60}}
	night := slipway.Weekly{From: slipway.Moment{Day: time.Tuesday, Minute: 22 * 60}, Until: slipway.Moment{Day: time.Tuesday, Minute: 6 * 60}} // all week but Tuesday
	for _, test := range []struct {
		weekly slipway.Weekly
		now    string // by Zurich's clock
		want   string // until when; "" is not frozen
	}{
		{weekend, "2026-01-02 15:59", ""}, // a Friday
		{weekend, "2026-01-02 16:00", "2026-01-05 08:00"},
		{weekend, "2026-01-04 23:59", "2026-01-05 08:00"},
		{weekend, "2026-01-05 07:59", "2026-01-05 08:00"},
		{weekend, "2026-01-05 08:00", ""},
		{weekend, "2026-01-07 12:00", ""},
		{weekend, "2026-03-29 12:00", "2026-03-30 08:00"}, // the clocks went forward in between
		{weekend, "2026-10-24 12:00", "2026-10-26 08:00"}, // and back
		{weekend, "2026-12-31 12:00", ""},
		{weekend, "2027-01-01 17:00", "2027-01-04 08:00"}, // over no year's end
		{night, "2026-01-06 12:00", ""},
		{night, "2026-01-06 22:00", "2026-01-13 06:00"},
		{night, "2026-01-06 05:00", "2026-01-06 06:00"},
	} {
		zone, err := time.LoadLocation("Europe/Zurich")
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", test.now, zone)
		if err != nil {
			t.Fatal(err)
		}
		env := slipway.Environment{Name: "prod", Freezes: []slipway.Freeze{{Why: "w", Zone: "Europe/Zurich", Weekly: &test.weekly}}}
		text, until, err := Frozen(env, now.UTC())
		got := ""
		if text != "" {
			got = until.In(zone).Format("2006-01-02 15:04")
		}
		if err != nil || got != test.want {
			t.Errorf("%s at %s: frozen until %q (%s), %v; want %q", test.weekly.From, test.now, got, text, err, test.want)
		}
	}
}

func TestTheFreezeThatEndsLastIsTold(t *testing.T) {
	now := time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)
	env := slipway.Environment{Name: "prod", Freezes: []slipway.Freeze{
		{Why: "short", Until: now.Add(time.Hour)},
		{Why: "the year's end", Zone: "Europe/Zurich", Until: now.Add(48 * time.Hour)},
		{Why: "over", Until: now},
	}}
	text, until, err := Frozen(env, now)
	if want := "prod is frozen until 5 Jan 2026 13:00 Europe/Zurich: the year's end"; text != want || until != now.Add(48*time.Hour) || err != nil {
		t.Errorf("%q %s %v", text, until, err)
	}
}
