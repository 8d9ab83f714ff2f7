package load

// getter asks for a small answer.
type getter struct{ asker }

// Get is [Door.Get] through the zero Door.
func Get(address string) Visitor { return Door{}.Get(address) }

func (v getter) Visit(r Request) error {
	a, err := v.ask("GET", nil, r)
	if err != nil {
		return err
	}
	return a.own()
}
