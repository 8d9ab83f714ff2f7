//go:build !linux

package baddisk

import "errors"

func (d *Disk) make(string, int64) error { return errors.ErrUnsupported }
func (d *Disk) refuse(bool) error        { return errors.ErrUnsupported }
func (d *Disk) end() error               { return nil }
func (l *layer) mount() error            { return errors.ErrUnsupported }
func (l *layer) unmount() error          { return errors.ErrUnsupported }
func (l *layer) check() error            { return errors.ErrUnsupported }

func (d *Disk) sync() {}
