//go:build !linux

package process_test

import "errors"

func mount(string, int) error { return errors.ErrUnsupported }
