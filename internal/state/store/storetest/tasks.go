package storetest

import (
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func tasks(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	makeBuild(t, s, "b1", first)
	p := push("refs/heads/master", zero, first)
	task := *newBuild("t1", p)
	task.Task = &slipway.Task{ID: "deployment-7.preview", Deployment: 7, Command: "ci/bin/test"}
	made := slipway.Event{Kind: slipway.BuildCreated, Deployment: 7}
	b, created, err := s.CreateTask(t.Context(), task, made)
	ok(t, err)
	if !created || b.Number != 2 {
		t.Errorf("created %v, as build %d", created, b.Number)
	}
	again := task
	again.ID, again.Jobs = "t2", nil
	found, created, err := s.CreateTask(t.Context(), again, made)
	ok(t, err)
	if created {
		t.Error("the task has a second build")
	}
	same(t, "build of the task", b, found)
	same(t, "build of the task", b, value(s.BuildOfTask(t.Context(), "deployment-7.preview"))(t))
	same(t, "builds of tasks", []slipway.Build{b}, value(s.TaskBuilds(t.Context(), 0))(t))
	same(t, "build of its job", b.ID, value(s.BuildOfJob(t.Context(), "job-t1"))(t))
	if all := value(s.Builds(t.Context(), "", 0))(t); len(all) != 1 || all[0].ID != "b1" {
		t.Errorf("builds of pushes: %+v", all)
	}
	if open := value(s.OpenBuilds(t.Context()))(t); len(open) != 2 {
		t.Errorf("%d open builds", len(open))
	}
	if log := value(s.Events(t.Context(), 0, slipway.EventFilter{Deployment: 7}, 0))(t); len(log) != 1 || log[0].Build != b.Slug() {
		t.Errorf("events %+v", log)
	}
	_, err = s.BuildOfTask(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	task.Push.Repository = "unknown"
	task.Task = &slipway.Task{ID: "deployment-8.preview"}
	_, _, err = s.CreateTask(t.Context(), task)
	fails(t, slipway.NotFound, err)
}
