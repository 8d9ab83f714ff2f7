package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/slipway-cd/slipway"
)

// answer is what the HTTP API of Prometheus says to an instant query that finds a
// vector.
type answer struct {
	Status   string   `json:"status"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Data     struct {
		ResultType string  `json:"resultType"`
		Result     []found `json:"result"`
	} `json:"data"`
}

type found struct {
	Metric map[string]string `json:"metric"`
	Value  []any             `json:"value"` // when, and what in digits; none for histograms
}

// errs are what is wrong with an answer, in words for people.
var (
	errForeign = errors.New("it does not answer as Prometheus does")
	errLarge   = errors.New("its answer is larger than 1 MiB")
)

// ask asks a server and returns its counters: by their mark, each by what tells it
// from the others.
func (a *Asker) ask(ctx context.Context, server, question string) (map[string]map[string]float64, error) {
	at := strings.TrimRight(server, "/") + "/api/v1/query?" + url.Values{"query": {question}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "slipway")
	res, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, errLarge
	}
	return read(res.StatusCode, body)
}

func read(status int, body []byte) (map[string]map[string]float64, error) {
	var said answer
	d := json.NewDecoder(bytes.NewReader(body))
	switch err := d.Decode(&said); {
	case said.Status == "error" && said.Error != "":
		return nil, fmt.Errorf("it says: %s", plain(said.Error))
	case status != http.StatusOK:
		return nil, fmt.Errorf("it answers %d %s", status, http.StatusText(status))
	case err != nil || said.Status != "success" || said.Data.ResultType != "vector":
		return nil, errForeign
	case len(said.Warnings) > 0:
		return nil, fmt.Errorf("it does not know all: %s", plain(said.Warnings[0]))
	}
	all := map[string]map[string]float64{}
	for _, f := range said.Data.Result {
		as, n, err := f.counter()
		if err != nil {
			return nil, err
		}
		if all[as] == nil {
			all[as] = map[string]float64{}
		}
		all[as][f.id()] = n
		if len(all[as]) > maxCounters {
			return nil, fmt.Errorf("it finds more than %d counters of one release: add them up with sum by (instance)", maxCounters)
		}
	}
	return all, nil
}

// counter is what f counts, and as what.
func (f found) counter() (as string, n float64, err error) {
	as = f.Metric[mark]
	if len(f.Value) != 2 || as == "" {
		return "", 0, errForeign
	}
	text, _ := f.Value[1].(string)
	n, err = strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return "", 0, fmt.Errorf("a counter cannot be at %s", plain(text))
	}
	return as, n, nil
}

// id tells f from others of its mark, for as long as it has the same labels.
func (f found) id() string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(f.Metric)) {
		_, _ = fmt.Fprintf(h, "%q=%q,", name, f.Metric[name])
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// plain is a line of what a stranger says.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if all := []rune(text); len(all) > maxWhy {
		return string(all[:maxWhy]) + "…"
	}
	return text
}

// reason is why there is no answer, for people.
func reason(server string, err error) string {
	var u *url.Error
	var n syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s does not answer within %s", server, Timeout)
	case slipway.CodeOf(err) == slipway.Forbidden:
		return fmt.Sprintf("%s cannot be asked: %s", server, strings.ReplaceAll(slipway.MessageOf(err), "\n", "; "))
	case errors.As(err, &dns):
		return fmt.Sprintf("%s is not known: %s", server, dns.Err)
	case errors.As(err, &n):
		return fmt.Sprintf("%s does not answer: %s", server, n)
	case errors.As(err, &u):
		return fmt.Sprintf("%s does not answer: %s", server, plain(u.Err.Error()))
	}
	return fmt.Sprintf("%s: %s", server, err)
}
