// Package logline reads what programs print: how bad each line says that it is,
// and which lines together are one panic or one exception. It knows the formats
// that people use, and guesses by words where there is none:
//
//	JSON           slog, zap, zerolog, logrus, pino, bunyan, winston, logstash, structlog, Serilog, GELF, ECS
//	key=value      slog, logrus, logfmt
//	columns        zap, log4j, logback, Python logging, klog, syslog, nginx, and whoever writes ERROR near the beginning
//	over lines     Go panics, Python tracebacks, stack traces of Java, JavaScript, .NET and Ruby, Rust panics
//
//	output ─► Reader ─ lines ─► level, trace ─ an Event for each warning and each error ─► Tally ─► slipway.Said
//
// Errors that differ in numbers, quoted names, addresses and paths alone are of
// one class, which has the same ID in every process that ever prints one.
//
// What it keeps is bounded whatever is printed: of a line the beginning, of a
// trace what it is about, of the classes so many. What a program prints is never
// kept before it was handed to whoever hides the secrets in it.
package logline
