package evidence

import "slices"

// outside takes what others have counted. Their counters begin anew now and
// then: what is less than before is where to count from.
func (t *taking) outside() {
	for _, now := range t.look.Outside {
		news := Outside{Name: now.Name, Why: now.Why}
		at := slices.IndexFunc(t.Outside, func(o Outside) bool { return o.Name == now.Name })
		switch {
		case now.Why != "": // counted from where it was, when it answers again
		case at < 0:
			t.Outside = append(t.Outside, now)
		default:
			was := t.Outside[at]
			news.Canary, news.Baseline = more(was.Canary, now.Canary), more(was.Baseline, now.Baseline)
			t.Outside[at] = now
		}
		b := t.newest()
		b.Outside = append(b.Outside, news)
	}
}

// more is what came to a counter.
func more(was, now Count) Count {
	d := Count{now.Failed - was.Failed, now.All - was.All}
	if d.Failed >= 0 && d.Failed <= d.All {
		return d
	}
	return Count{}
}
