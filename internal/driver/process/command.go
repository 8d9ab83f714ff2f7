package process

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// program is what an instance runs, named by places inside its image.
type program struct {
	entry   string   // the file, relative to the image's root
	argv    []string // as written, for the program to see
	workdir string   // relative to the image's root
}

// defaultPath is where a bare program name is looked for in an image that does
// not say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// resolve finds the program of a revision in the unpacked image: its command,
// else the image's entry point and arguments.
func resolve(files string, img image, command []string) (program, error) {
	argv := command
	if len(argv) == 0 {
		argv = slices.Concat(img.Entrypoint, img.Cmd)
	}
	if len(argv) == 0 {
		return program{}, slipway.Errorf(slipway.Invalid, "the image has no entry point and the manifest has no run.command").
			Do("Set run.command in slipway.yaml.")
	}
	root, err := os.OpenRoot(files)
	if err != nil {
		return program{}, explain("open the image", err)
	}
	defer func() { _ = root.Close() }()
	workdir := inside("/", img.WorkingDir)
	if info, err := root.Stat(workdir); err != nil || !info.IsDir() {
		return program{}, slipway.Errorf(slipway.Invalid, "the image has no folder %q, its working directory", img.WorkingDir)
	}
	for _, entry := range candidates(argv[0], workdir, img.Env) {
		if info, err := root.Stat(entry); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return program{entry, argv, workdir}, nil
		}
	}
	return program{}, slipway.Errorf(slipway.Invalid, "the image has no program %q", argv[0]).
		Do("Look at the image's entry point and at run.command in slipway.yaml.")
}

// candidates are the places in an image that name may stand for.
func candidates(name, workdir string, env []string) []string {
	if strings.Contains(name, "/") {
		return []string{inside(path.Join("/", workdir), name)}
	}
	search := defaultPath
	for _, kv := range env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = p
		}
	}
	var all []string
	for _, dir := range filepath.SplitList(search) {
		all = append(all, inside("/", path.Join(dir, name)))
	}
	return all
}

// inside makes a path in an image relative to its root; dir is where a
// relative one starts.
func inside(dir, name string) string {
	if !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}

// environ is the environment of an instance but for the places that depend on
// where its directory is: the image's, then the revision's, then ours.
func environ(img image, g slipway.GroupSpec, id slipway.InstanceID, port int, mark string) []string {
	env := map[string]string{}
	for _, kv := range img.Env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	env["PATH"] = "/usr/local/bin:/usr/bin:/bin" // the image's would name places of the host
	maps.Copy(env, g.Revision.Run.Env)
	maps.Copy(env, map[string]string{
		"SLIPWAY_SERVICE":     string(g.Target.Service),
		"SLIPWAY_ENVIRONMENT": string(g.Target.Environment),
		"SLIPWAY_RELEASE":     fmt.Sprint(g.Revision.Release),
		"SLIPWAY_INSTANCE":    string(id),
		markVariable:          mark,
	})
	if port != 0 {
		env["PORT"] = fmt.Sprint(port)
	}
	delete(env, "HOME") // its shim knows where they are
	delete(env, "TMPDIR")
	list := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list
}

// markVariable is how a shim knows the processes of its instance, wherever
// they went.
const markVariable = "SLIPWAY_MARK"
