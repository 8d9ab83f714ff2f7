package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// born is when everything happens in these tests: not a round number, so that
// precision that is lost shows.
var born = time.Date(2026, 3, 1, 12, 30, 45, 123456789, time.UTC)

// Filled is a T in which no field is zero, each a little different: what a
// database does not keep shows, fields of tomorrow included.
func Filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n, nil)
	return v
}

// fill fills v, which lies within others. What has things of its own kind is
// given none that have some again.
func fill(v reflect.Value, n *int, within []reflect.Type) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(born.Add(time.Duration(*n) * time.Second)))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(*n))))
		return
	}
	switch v.Kind() {
	case reflect.String:
		s := fmt.Sprintf("%s %d é\"", v.Type().Name(), *n)
		if v.Type().PkgPath() == "" { // free text, which may be anything; names and IDs are checked
			s += "\x00\n"
		}
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, within)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, n, append(within, v.Type()))
		}
	case reflect.Slice:
		if slices.Contains(within, v.Type().Elem()) {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n, within)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n, within)
			fill(value, n, within)
			v.SetMapIndex(key, value)
		}
	default:
		panic(fmt.Sprintf("cannot fill a %s", v.Type()))
	}
}
