package logline_test

import (
	"testing"

	"github.com/slipway-cd/slipway/internal/logline"
)

func as(text []byte, _ bool) string { return string(text) }

// read returns the events of an output, told apart as they are when it comes in
// pieces of n bytes.
func read(output string, n int) (all []logline.Event) {
	r := logline.NewReader(as, func(e logline.Event) { all = append(all, e) })
	for len(output) > 0 {
		piece := output[:min(n, len(output))]
		output = output[len(piece):]
		_, _ = r.Write([]byte(piece))
	}
	r.End()
	return all
}

// TestLines has lines as the documentation of each library prints them.
func TestLines(t *testing.T) {
	const (
		none = logline.Unknown
		warn = logline.Warning
		bad  = logline.Error
	)
	tests := []struct {
		name, line string
		want       logline.Level
		text       string
	}{
		{"slog text", `time=2022-11-08T15:28:26.000-05:00 level=ERROR msg="charge failed" err="connection refused" count=3`, bad, "charge failed: connection refused"},
		{"slog text", `time=2022-11-08T15:28:26.000-05:00 level=WARN+1 msg=slow`, warn, ""},
		{"slog text", `time=2022-11-08T15:28:26.000-05:00 level=INFO msg="no ERROR" count=3`, none, ""},
		{"slog JSON", `{"time":"2022-11-08T15:28:26.000000000-05:00","level":"ERROR+4","msg":"charge failed","err":"EOF"}`, bad, "charge failed: EOF"},
		{"slog JSON", `{"time":"2022-11-08T15:28:26.000000000-05:00","level":"INFO","msg":"hello","level2":"ERROR"}`, none, ""},
		{"log, by slog", `2022/11/08 15:28:26 ERROR charge failed err=EOF`, bad, "charge failed err=EOF"},
		{"log, by slog", `2022/11/08 15:28:26 INFO hello count=3`, none, ""},
		{"log", `2009/11/10 23:00:00 listening on :8080`, none, ""},
		{"log", `2009/11/10 23:00:00 main.go:12: error: cannot listen`, none, ""},
		{"log", `2009/11/10 23:00:00 error: cannot listen`, bad, "cannot listen"},
		{"logfmt", `ts=2017-05-01T12:00:00Z lvl=eror msg="that was it"`, none, ""},
		{"logfmt", `at=error lvl=error msg="it broke" error="no such file"`, bad, "it broke: no such file"},
		{"go-kit", `level=warn ts=2017-05-01T12:00:00Z caller=main.go:7 msg="it may break"`, warn, ""},
		{"logrus text", `time="2015-03-26T01:27:38-04:00" level=fatal msg="The ice breaks!" err="&{0x2082280c0 map[]}" number=100 omg=true`, bad, "The ice breaks!: &{0x2082280c0 map[]}"},
		{"logrus text", `time="2015-03-26T01:27:38-04:00" level=warning msg="The group's number increased tremendously!" number=122 omg=true`, warn, ""},
		{"logrus terminal", "\x1b[31mERRO\x1b[0m[0004] A walrus appears                              \x1b[31manimal\x1b[0m=walrus", bad, "[0004] A walrus appears                              animal=walrus"},
		{"logrus JSON", `{"level":"warning","msg":"The group's number increased tremendously!","number":122,"omg":true,"time":"2014-03-10 19:57:38.562471297 -0400 EDT"}`, warn, ""},
		{"zap JSON", `{"level":"error","ts":1515615024.5,"caller":"zap/main.go:12","msg":"failed to fetch URL","error":"timeout","stacktrace":"main.main\n\t/src/main.go:12"}`, bad, "failed to fetch URL: timeout"},
		{"zap JSON", `{"level":"info","msg":"Failed to fetch URL: http://example.com","url":"http://example.com","attempt":3,"backoff":"1s"}`, none, ""},
		{"zap JSON", `{"level":"dpanic","ts":1,"msg":"odd number of arguments"}`, bad, "odd number of arguments"},
		{"zap console", "2018-07-18T15:15:41.200+0800\tERROR\tzap/main.go:12\tfailed to fetch URL\t{\"attempt\": 3}", bad, "zap/main.go:12\tfailed to fetch URL\t{\"attempt\": 3}"},
		{"zap console", "1.5e+09\twarn\tmain.go:1\tslow", warn, ""},
		{"zerolog JSON", `{"level":"fatal","error":"A repo man spends his life getting into tense situations","service":"myservice","time":1516133263,"message":"Cannot start myservice"}`, bad, "Cannot start myservice: A repo man spends his life getting into tense situations"},
		{"zerolog console", `3:04PM WRN hello foo=bar`, warn, ""},
		{"zerolog console", `3:04PM ERR it broke error=EOF`, bad, "it broke error=EOF"},
		{"hclog", `2024-01-02T15:04:05.000Z [WARN]  agent: slow: peer=3`, warn, ""},
		{"klog", `E0102 15:04:05.678901   12345 controller.go:96] cannot sync pod`, bad, "cannot sync pod"},
		{"klog", `W0102 15:04:05.678901   12345 controller.go:96] slow`, warn, ""},
		{"klog", `I0102 15:04:05.678901   12345 controller.go:96] no ERROR`, none, ""},
		{"charm log", `2023/02/07 02:47:49 ERRO failed to bake cookies err="butter not found"`, bad, `failed to bake cookies err="butter not found"`},

		{"Python, as basicConfig has it", `ERROR:root:So should this, too`, bad, "root:So should this, too"},
		{"Python, as basicConfig has it", `WARNING:root:And this, too`, warn, ""},
		{"Python, as basicConfig has it", `INFO:root:no ERROR`, none, ""},
		{"Python, with columns", `2005-03-19 15:10:26,697 - simple_example - CRITICAL - critical message`, bad, "critical message"},
		{"python-json-logger", `{"asctime": "2024-01-02 15:04:05,678", "levelname": "ERROR", "message": "failed", "exc_info": "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad"}`, bad, "ValueError: bad"},
		{"structlog", `{"event": "it broke", "level": "error", "timestamp": "2024-01-02T15:04:05Z"}`, bad, "it broke"},
		{"structlog console", `2024-01-02 15:04:05 [error    ] it broke                       key=1`, bad, "it broke                       key=1"},
		{"gunicorn", `[2024-01-02 15:04:05 +0000] [12] [ERROR] Worker (pid:13) was sent SIGKILL! Perhaps out of memory?`, bad, "Worker (pid:13) was sent SIGKILL! Perhaps out of memory?"},
		{"uvicorn", `ERROR:    Application startup failed. Exiting.`, bad, "Application startup failed. Exiting."},
		{"celery", `[2024-01-02 15:04:05,678: WARNING/MainProcess] slow`, warn, ""},

		{"log4j, TTCC", `0    [main] ERROR com.foo.Bar  - Did it again!`, bad, "com.foo.Bar  - Did it again!"},
		{"log4j 2", `2024-01-02 15:04:05,678 main ERROR com.foo.Bar Did it again!`, bad, "com.foo.Bar Did it again!"},
		{"log4j 2", `17:13:01.540 [main] WARN  com.foo.Bar - low`, warn, ""},
		{"logback", `16:06:53.256 [error-pool-1] INFO  c.m.Foo -- all is well, no ERROR`, none, ""},
		{"Spring Boot", `2024-01-02T15:04:05.678Z ERROR 12345 --- [myapp] [main] o.s.b.SpringApplication : Application run failed`, bad, "12345 --- [myapp] [main] o.s.b.SpringApplication : Application run failed"},
		{"logstash-logback-encoder", `{"@timestamp":"2024-01-02T15:04:05.678Z","@version":"1","message":"failed","logger_name":"a.B","level":"ERROR","level_value":40000,"stack_trace":"java.lang.RuntimeException: outer\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: inner\n\t... 1 more\n"}`, bad, "java.io.IOException: inner"},
		{"java.util.logging", `SEVERE: cannot start`, bad, "cannot start"},
		{"java.util.logging", `Jan 02, 2024 3:04:05 PM com.foo.Bar main`, none, ""},
		{"ECS", `{"@timestamp":"2024-01-02T15:04:05.678Z","log.level":"ERROR","message":"it broke","error.type":"x","error.message":"no disk"}`, bad, "it broke: no disk"},
		{"ECS, nested", `{"@timestamp":"2024-01-02T15:04:05.678Z","log":{"level":"error"},"message":"it broke","error":{"type":"IOError","message":"no disk"}}`, bad, "it broke: IOError: no disk"},

		{"pino", `{"level":50,"time":1531171074631,"msg":"it broke","pid":657,"hostname":"h","err":{"type":"TypeError","message":"x is not a function","stack":"TypeError: x is not a function\n    at f (/a.js:1:1)"}}`, bad, "TypeError: x is not a function"},
		{"pino", `{"level":40,"time":1531171074631,"msg":"slow"}`, warn, ""},
		{"bunyan", `{"name":"myapp","hostname":"h","pid":1,"level":30,"msg":"hi","time":"2012-02-03T18:54:08.145Z","v":0}`, none, ""},
		{"winston", `{"level":"error","message":"it broke"}`, bad, "it broke"},
		{"winston, simple", `error: it broke {"code":1}`, bad, `it broke {"code":1}`},
		{"npm", `npm ERR! code ELIFECYCLE`, bad, "code ELIFECYCLE"},
		{".NET", `warn: Microsoft.AspNetCore.Server.Kestrel[0]`, warn, ""},
		{"Serilog", `[12:00:00 ERR] it broke`, bad, "it broke"},
		{"Serilog, compact", `{"@t":"2024-01-02T15:04:05.678Z","@mt":"User {Id} failed","@l":"Error","Id":3}`, bad, "User {Id} failed"},
		{"Monolog", `{"message":"it broke","context":{},"level":400,"level_name":"ERROR","channel":"app"}`, bad, "it broke"},
		{"Monolog", `[2024-01-02T15:04:05.678901+00:00] app.WARNING: slow {"a":1} []`, warn, ""},
		{"PHP", `PHP Warning:  Undefined variable $x in /a.php on line 3`, warn, ""},
		{"PHP", `PHP Fatal error:  Uncaught Exception: boom in /a.php:3`, bad, "Uncaught Exception: boom in /a.php:3"},
		{"Ruby", `E, [2024-01-02T15:04:05.678901 #123] ERROR -- : it broke`, bad, "it broke"},
		{"env_logger", `[2024-01-02T15:04:05Z ERROR my_crate] it broke`, bad, "my_crate] it broke"},
		{"tracing", `2024-01-02T15:04:05.678901Z  WARN my_crate: slow`, warn, ""},
		{"Elixir", `15:04:05.678 [error] GenServer terminating`, bad, "GenServer terminating"},
		{"nginx", `2024/01/02 15:04:05 [error] 31#31: *1 open() "/a" failed (2: No such file or directory)`, bad, `31#31: *1 open() "/a" failed (2: No such file or directory)`},
		{"Apache", `[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 3:tid 4] File does not exist`, bad, "[pid 3:tid 4] File does not exist"},
		{"PostgreSQL", `2024-01-02 15:04:05.678 UTC [12] postgres@db ERROR:  relation "x" does not exist`, bad, `relation "x" does not exist`},
		{"the kernel", `<3>out of memory`, bad, "out of memory"},
		{"the kernel", `<4>slow`, warn, ""},
		{"GELF", `{"version":"1.1","host":"h","short_message":"it broke","level":3}`, bad, "it broke"},

		{"an access log", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /error/ERROR HTTP/1.0" 500 2326`, none, ""},
		{"prose", `there was no error and no warning`, none, ""},
		{"prose", `this line has many words before it says that there is one ERROR`, none, ""},
		{"a name", `HTTP_ERROR_COUNT 3`, none, ""},
		{"a file", `loaded /etc/errors/ERROR.conf`, none, ""},
		{"a marker", `ERROR`, bad, "ERROR"},
		{"JSON without a level", `{"error":"ERROR"}`, none, ""},
		{"no JSON", `{"level":"er`, none, ""},
		{"zero bytes", "\x00\x00\xff\xfe", none, ""},
		{"nothing", ``, none, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := read(test.line+"\n", 1<<20)
			if test.want == none {
				if len(got) != 0 {
					t.Errorf("%s: %+v", test.line, got)
				}
				return
			}
			if len(got) != 1 || got[0].Level != test.want || got[0].Text != test.text {
				t.Errorf("%s:\n%+v, want level %d and %q", test.line, got, test.want, test.text)
			}
		})
	}
}

func TestATraceIsOneError(t *testing.T) {
	tests := []struct{ name, output, text string }{
		{"a panic of Go", `panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*server).charge(0xc000012345, {0x1, 0x2})
	/src/main.go:12 +0x1d
main.main()
	/src/main.go:8 +0x2f
exit status 2
`, "panic: runtime error: index out of range [5] with length 3"},
		{"a panic that is passed on", `panic: first [recovered]
	panic: second

goroutine 18 [running]:
testing.tRunner.func1.2({0x4d2a60, 0x51c5b8})
	/usr/local/go/src/testing/testing.go:1526 +0x24e
created by testing.(*T).Run in goroutine 1
	/usr/local/go/src/testing/testing.go:1648 +0x3ad
`, "panic: first [recovered]"},
		{"a nil pointer", `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45f3a1]

goroutine 1 [running]:
main.main()
	/src/main.go:5 +0x21
`, "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"a deadlock", "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/src/main.go:4 +0x2d\n", "fatal error: all goroutines are asleep - deadlock!"},
		{"a handler of net/http", `2009/11/10 23:00:00 http: panic serving 127.0.0.1:54321: boom
goroutine 34 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1868 +0xb9
panic({0x6120c0?, 0x6b0a70?})
	/usr/local/go/src/runtime/panic.go:920 +0x270
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3086 +0x5cb
`, "panic: boom"},
		{"Python", `Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    charge()
  File "/app/main.py", line 2, in charge
    raise ValueError("bad amount")
ValueError: bad amount
`, "ValueError: bad amount"},
		{"Python, logged", `ERROR:root:charge failed
Traceback (most recent call last):
  File "/app/main.py", line 2, in charge
    1/0
    ~^~
ZeroDivisionError: division by zero
`, "ZeroDivisionError: division by zero"},
		{"Python, with a cause", `Traceback (most recent call last):
  File "a.py", line 2, in f
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 4, in <module>
app.errors.PaymentError: no card
`, "app.errors.PaymentError: no card"},
		{"Java", `Exception in thread "main" java.lang.IllegalStateException: not open
	at com.foo.Bar.baz(Bar.java:12)
	at com.foo.Bar.main(Bar.java:4)
`, "java.lang.IllegalStateException: not open"},
		{"Java, logged", `2024-01-02 15:04:05,678 ERROR [main] com.foo.Bar - charge failed
com.foo.ChargeException: outer
	at com.foo.Bar.baz(Bar.java:12)
	... 23 more
Caused by: java.net.ConnectException: Connection refused
	at java.base/sun.nio.ch.Net.pollConnect(Native Method)
	... 24 common frames omitted
`, "java.net.ConnectException: Connection refused"},
		{"JavaScript", `/app/server.js:12
    throw new TypeError('boom');
    ^

TypeError: boom
    at Object.<anonymous> (/app/server.js:12:9)
    at Module._compile (node:internal/modules/cjs/loader:1105:14) {
  code: 'ENOENT'
}
`, "TypeError: boom"},
		{"JavaScript, a plain one", "Error: boom\n    at f (/app/a.js:1:1)\n    at node:internal/main/run_main_module:17:47\n", "Error: boom"},
		{"JavaScript, logged", `{"level":"error","message":"it broke","stack":"Error: boom\n    at f (/app/a.js:1:1)"}` + "\n", "Error: boom"},
		{".NET", `Unhandled exception. System.InvalidOperationException: not open
   at Program.<Main>$(String[] args) in /src/Program.cs:line 3
`, "System.InvalidOperationException: not open"},
		{".NET, logged", "fail: Microsoft.AspNetCore.Server.Kestrel[13]\n      Connection id \"0HM\", Request id \"0HM:1\": An unhandled exception\n      System.Exception: x\n         at a.b()\n",
			`Microsoft.AspNetCore.Server.Kestrel[13] Connection id "0HM", Request id "0HM:1": An unhandled exception`},
		{"Ruby", "a.rb:3:in 'Integer#/': divided by 0 (ZeroDivisionError)\n\tfrom a.rb:3:in 'Object#f'\n\tfrom a.rb:7:in '<main>'\n", "a.rb:3:in 'Integer#/': divided by 0 (ZeroDivisionError)"},
		{"Rust", "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n", "panic: boom"},
		{"Rust, as it was", "thread 'main' panicked at 'boom', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n", "panic: 'boom', src/main.rs:2:5"},
		{"an exception that nobody names so", "com.foo.Trouble: bad\n\tat com.foo.Bar.baz(Bar.java:12)\n", "com.foo.Trouble: bad"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, n := range []int{1 << 20, 1, 7} {
				got := read("listening on :8080\n"+test.output+"INFO and on it goes\n", n)
				if len(got) != 1 || got[0] != (logline.Event{Level: logline.Error, Text: test.text}) {
					t.Fatalf("in pieces of %d bytes: %+v, want %q", n, got, test.text)
				}
			}
			if got := read(test.output+test.output, 1<<20); len(got) != 2 {
				t.Errorf("twice: %+v", got)
			}
		})
	}
}

func TestJSONIsWholeByItself(t *testing.T) {
	got := read("{\"level\":\"warn\",\"msg\":\"slow\"}\nTraceback (most recent call last):\n  File x\nValueError: a\n", 1<<20)
	if len(got) != 2 || got[0].Level != logline.Warning || got[1].Text != "ValueError: a" {
		t.Errorf("%+v", got)
	}
}

func TestATraceOfAWarningIsNoError(t *testing.T) {
	got := read("2024-01-02 15:04:05,678 WARN [main] com.foo.Bar - again\njava.io.IOException: reset\n\tat com.foo.Bar.baz(Bar.java:12)\nINFO\n", 1<<20)
	if len(got) != 1 || got[0].Level != logline.Warning {
		t.Errorf("%+v", got)
	}
}
