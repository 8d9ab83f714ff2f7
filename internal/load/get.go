package load

// getter asks for a small answer.
type getter struct{ *client }

// Get asks an address. It keeps connections, up to 64.
func Get(address string) Visitor { return getter{newClient(address)} }

func (v getter) Visit(r Request) error {
	a, err := v.ask("GET", nil, r)
	if err != nil {
		return err
	}
	return a.own()
}
