package logline

import "bytes"

// Level is how bad a line says that it is.
type Level int

const (
	Unknown Level = iota // it does not say
	Fine                 // everything below a warning
	Warning
	Error
)

const longestLevel = len("informational")

// named is the level that a word stands for, in whatever case.
func named(word []byte) Level {
	if len(word) == 0 || len(word) > longestLevel {
		return Unknown
	}
	var lower [longestLevel]byte
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(word)]) {
	case "error", "err", "erro", "fatal", "fata", "ftl", "panic", "pani", "pnc", "dpanic", "critical", "crit", "severe",
		"emergency", "emerg", "alert", "fail":
		return Error
	case "warning", "warn", "wrn":
		return Warning
	case "info", "information", "informational", "inf", "notice", "note", "debug", "debu", "dbug", "dbg", "trace", "trac", "trce", "trc",
		"verbose", "vrb", "fine", "finer", "finest", "config", "log":
		return Fine
	}
	return Unknown
}

// valued is the level that a value of a field named level stands for: a word, as
// slog has it with a distance (WARN+2), a letter, or a number.
func valued(v []byte) Level {
	if len(v) == 0 {
		return Unknown
	}
	if v[0] >= '0' && v[0] <= '9' {
		return numbered(v)
	}
	if len(v) == 1 {
		return lettered(v[0])
	}
	if at := bytes.IndexAny(v, "+-"); at > 0 {
		v = v[:at]
	}
	return named(v)
}

func lettered(c byte) Level {
	switch c {
	case 'E', 'e', 'F', 'f', 'C', 'P':
		return Error
	case 'W', 'w':
		return Warning
	case 'I', 'i', 'D', 'd', 'T', 'V', 'N':
		return Fine
	}
	return Unknown
}

// numbered knows three scales: syslog counts down from 7, pino and bunyan count
// from 10 up to 60, Monolog from 100 up to 600.
func numbered(v []byte) Level {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = n*10 + int(c-'0')
	}
	warning, err := 40, 50
	switch {
	case n < 8:
		return syslog(n)
	case n >= 100:
		warning, err = 300, 400
	}
	switch {
	case n >= err:
		return Error
	case n >= warning:
		return Warning
	}
	return Fine
}

// syslog is the level of a severity as RFC 5424 counts.
func syslog(severity int) Level {
	switch {
	case severity <= 3:
		return Error
	case severity == 4:
		return Warning
	}
	return Fine
}
