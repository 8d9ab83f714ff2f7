package store_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/form.json anew: only after fields were added")

// What older versions wrote must be read for ever: a field that is renamed,
// removed or given another type needs a migration. Adding one is fine.
func TestStoredFormIsReadForEver(t *testing.T) {
	const file = "testdata/form.json"
	nouns := map[string]any{}
	add(nouns, storetest.Filled[slipway.Agent]())
	add(nouns, storetest.Filled[slipway.Approval]())
	add(nouns, storetest.Filled[slipway.Build]())
	add(nouns, storetest.Filled[slipway.Config]())
	add(nouns, storetest.Filled[slipway.Declaration]())
	add(nouns, storetest.Filled[slipway.Deployment]())
	add(nouns, storetest.Filled[slipway.Drain]())
	add(nouns, storetest.Filled[slipway.Event]())
	add(nouns, storetest.Filled[slipway.GroupSpec]())
	add(nouns, storetest.Filled[slipway.Lock]())
	add(nouns, storetest.Filled[slipway.Principal]())
	add(nouns, storetest.Filled[slipway.Release]())
	add(nouns, storetest.Filled[slipway.Repository]())
	add(nouns, storetest.Filled[slipway.Revision]())
	add(nouns, storetest.Filled[slipway.Route]())
	add(nouns, storetest.Filled[slipway.Router]())
	add(nouns, storetest.Filled[slipway.Secret]())
	add(nouns, storetest.Filled[slipway.Service]())
	add(nouns, storetest.Filled[slipway.Target]())
	add(nouns, storetest.Filled[slipway.User]())
	if *update {
		now, err := json.MarshalIndent(nouns, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(now, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var written map[string]json.RawMessage
	if err := json.Unmarshal(content, &written); err != nil {
		t.Fatal(err)
	}
	for name, text := range written {
		noun := nouns[name]
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(noun); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read, err := json.Marshal(noun)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(read, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, common(want, got)); diff != "" {
			t.Errorf("%s reads otherwise than it was written:\n%s", name, diff)
		}
	}
}

func add[T any](nouns map[string]any, v T) { nouns[reflect.TypeFor[T]().Name()] = &v }

// common is got without the fields that old does not have.
func common(old, got any) any {
	switch old := old.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		both := map[string]any{}
		for k, v := range old {
			if g, found := got[k]; found {
				both[k] = common(v, g)
			}
		}
		return both
	case []any:
		got, _ := got.([]any)
		both := make([]any, 0, len(got))
		for i, g := range got {
			if i < len(old) {
				g = common(old[i], g)
			}
			both = append(both, g)
		}
		return both
	}
	return got
}
