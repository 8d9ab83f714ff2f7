package router

import (
	"fmt"
	"testing"
	"time"
)

func TestWhichLinesThereAre(t *testing.T) {
	s := newLines("http://a", func(url string) *link { return newLink(url, Config{}, func() {}) })
	var used []string
	stop := s.start(func(l *link) { used = append(used, l.server) })
	s.learn([]string{"", "nowhere", "http://", "http://a", "http://b/", "http://b"})
	if fmt.Sprint(used) != "[http://a http://b]" {
		t.Fatalf("lines to %v", used)
	}
	a, b := s.all["http://a"], s.all["http://b"]
	if s.drop(b, forgotten-time.Second) || !s.drop(b, forgotten) || s.drop(a, 100*forgotten) || len(s.all) != 1 {
		t.Errorf("after a while lines to %v", s.all)
	}
	s.learn([]string{"http://b"})
	if fmt.Sprint(used) != "[http://a http://b http://b]" {
		t.Errorf("named again: %v", used)
	}
	for n := range 2 * mostLines {
		s.learn([]string{fmt.Sprintf("http://%d", n)})
	}
	if len(s.all) != mostLines {
		t.Errorf("%d lines", len(s.all))
	}
	stop()
	s.drop(b, forgotten)
	s.learn([]string{"http://c"})
	if used[len(used)-1] == "http://c" {
		t.Error("a line is used after the end")
	}
}
