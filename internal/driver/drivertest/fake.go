package drivertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// Fake is a driver in memory. Its instances do what [Behave] says, a moment
// after they were asked to.
type Fake struct {
	image  slipway.Digest
	moment time.Duration

	mu        sync.Mutex
	fences    map[slipway.TargetID]slipway.Fence
	replicas  map[fakeGroup]int
	instances []*fakeInstance
	hints     map[*func(slipway.TargetID)]struct{}
	made      int
}

type fakeGroup struct {
	target slipway.TargetID
	id     slipway.GroupID
}

type fakeInstance struct {
	group    fakeGroup
	revision slipway.Revision
	status   slipway.InstanceStatus
	stopped  bool // was asked to
}

// NewFake makes a driver that knows one image and takes a moment for
// everything it does.
func NewFake(image slipway.Digest, moment time.Duration) *Fake {
	return &Fake{
		image: image, moment: moment,
		fences: map[slipway.TargetID]slipway.Fence{}, replicas: map[fakeGroup]int{},
		hints: map[*func(slipway.TargetID)]struct{}{},
	}
}

func (f *Fake) admit(t slipway.TargetID, fence slipway.Fence) error {
	if err := t.Service.Validate(); err != nil {
		return err
	}
	if fence.Less(f.fences[t]) {
		return slipway.Errorf(slipway.Stale, "fence %s of %s is over: %s was seen", fence, t, f.fences[t])
	}
	f.fences[t] = fence
	return nil
}

// Apply implements driver.Driver.
func (f *Fake) Apply(_ context.Context, g slipway.GroupSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.ID == "" || g.Replicas < 0 || g.Revision.Kind != slipway.Web && g.Revision.Kind != slipway.Worker {
		return slipway.Errorf(slipway.Invalid, "%s of %s cannot be run", g.ID, g.Target)
	}
	for k, v := range g.Revision.Run.Env {
		if strings.Contains(k+v, "\x00") {
			return slipway.Errorf(slipway.Invalid, "%q cannot be set", k)
		}
	}
	if err := f.admit(g.Target, g.Fence); err != nil {
		return err
	}
	if g.Revision.Image != f.image {
		return slipway.Errorf(slipway.NotFound, "no image %s", g.Revision.Image.Short())
	}
	key, n := fakeGroup{g.Target, g.ID}, g.Replicas
	for _, i := range f.instances {
		if i.group == key && i.revision.ID != g.Revision.ID {
			return slipway.Errorf(slipway.Invalid, "group %s of %s runs revision %s; a group never changes it", g.ID, g.Target, i.revision.ID)
		}
		if i.group == key && !i.stopped {
			n--
			i.turn(g.Active)
		}
	}
	f.replicas[key] = g.Replicas
	for range n {
		f.start(key, g)
	}
	return nil
}

// turn tells a worker that can be told whether to take work.
func (i *fakeInstance) turn(active bool) {
	if i.revision.Kind == slipway.Worker && i.revision.Run.Passive {
		i.status.Active = active
	}
}

func (f *Fake) start(key fakeGroup, g slipway.GroupSpec) {
	f.made++
	i := &fakeInstance{group: key, revision: g.Revision}
	i.status = slipway.InstanceStatus{
		ID: slipway.InstanceID(fmt.Sprintf("i-%06x", f.made)), Boot: fmt.Sprintf("boot-%d", f.made),
		Phase: slipway.InstanceStarting, Active: g.Active, Since: time.Now(),
	}
	if g.Revision.Kind == slipway.Web {
		i.status.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+f.made))
	}
	f.instances = append(f.instances, i)
	f.tell(key.target)
	f.soon(i, f.run)
}

// soon does what comes next of i, unless it was asked to stop meanwhile.
func (f *Fake) soon(i *fakeInstance, next func(*fakeInstance)) {
	time.AfterFunc(f.moment, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !i.stopped {
			next(i)
			f.tell(i.group.target)
		}
	})
}

func (f *Fake) run(i *fakeInstance) {
	s := &i.status
	switch i.revision.Run.Env[Behave] {
	case Unready:
		s.Why = `GET /readyz → 503 "warming cache"`
	case Crashing:
		s.Phase, s.Since, s.Why = slipway.InstanceBackoff, time.Now(), "exit 3"
		s.RetryAt = s.Since.Add(f.moment)
		f.soon(i, f.restart)
	default:
		s.ReadyIn = time.Since(s.Since)
		s.Phase, s.Since, s.EverReady = slipway.InstanceReady, time.Now(), true
	}
}

func (f *Fake) restart(i *fakeInstance) {
	s := &i.status
	s.Phase, s.Since, s.RetryAt = slipway.InstanceStarting, time.Now(), time.Time{}
	s.Restarts++
	s.Boot = fmt.Sprintf("boot-%s-%d", s.ID, s.Restarts)
	f.soon(i, f.run)
}

// Stop implements driver.Driver.
func (f *Fake) Stop(_ context.Context, t slipway.TargetID, id slipway.InstanceID, fence slipway.Fence) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(t, id, fence)
	if i == nil || err != nil || i.stopped {
		return err
	}
	i.stopped = true
	i.status.Phase, i.status.Since = slipway.InstanceStopping, time.Now()
	f.tell(t)
	time.AfterFunc(f.moment, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		i.status.Phase, i.status.Since, i.status.Why = slipway.InstanceStopped, time.Now(), "exit 0"
		f.tell(t)
	})
	return nil
}

// Forget implements driver.Driver.
func (f *Fake) Forget(_ context.Context, t slipway.TargetID, id slipway.InstanceID, fence slipway.Fence) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(t, id, fence)
	if i == nil || err != nil {
		return err
	}
	if i.status.Phase != slipway.InstanceStopped {
		return slipway.Errorf(slipway.Conflict, "%s is %s; only a stopped instance can be forgotten", id, i.status.Phase)
	}
	f.instances = slices.DeleteFunc(f.instances, func(x *fakeInstance) bool { return x == i })
	f.tell(t)
	return nil
}

func (f *Fake) find(t slipway.TargetID, id slipway.InstanceID, fence slipway.Fence) (*fakeInstance, error) {
	if err := f.admit(t, fence); err != nil {
		return nil, err
	}
	for _, i := range f.instances {
		if i.status.ID == id {
			if i.group.target != t {
				return nil, slipway.Errorf(slipway.Invalid, "%s is an instance of %s, not of %s", id, i.group.target, t)
			}
			return i, nil
		}
	}
	return nil, nil
}

// List implements driver.Driver.
func (f *Fake) List(context.Context) ([]slipway.GroupStatus, error) {
	return f.list(every), nil
}

// Observe implements driver.Observer.
func (f *Fake) Observe(_ context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error) {
	return f.list(func(o slipway.TargetID) bool { return o == t }), nil
}

func every(slipway.TargetID) bool { return true }

func (f *Fake) list(of func(slipway.TargetID) bool) []slipway.GroupStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	groups := map[fakeGroup]*slipway.GroupStatus{}
	for _, i := range f.instances {
		if !of(i.group.target) {
			continue
		}
		g := groups[i.group]
		if g == nil {
			t := i.group.target
			g = &slipway.GroupStatus{ID: i.group.id, Target: t, Revision: i.revision.ID, Fence: f.fences[t], Replicas: f.replicas[i.group]}
			groups[i.group] = g
		}
		g.Instances = append(g.Instances, i.status)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b fakeGroup) int {
		return cmp.Or(strings.Compare(a.target.String(), b.target.String()), strings.Compare(string(a.id), string(b.id)))
	})
	var list []slipway.GroupStatus
	for _, k := range keys {
		list = append(list, *groups[k])
	}
	return list
}

// Watch implements driver.Watcher. hint must not call the driver.
func (f *Fake) Watch(ctx context.Context, hint func(slipway.TargetID)) error {
	f.mu.Lock()
	f.hints[&hint] = struct{}{}
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	delete(f.hints, &hint)
	f.mu.Unlock()
	return nil
}

func (f *Fake) tell(t slipway.TargetID) {
	for h := range f.hints {
		(*h)(t)
	}
}
