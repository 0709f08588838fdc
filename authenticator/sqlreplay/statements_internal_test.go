package sqlreplay

// Statements returns the statements of a configuration by their names.
func Statements(cfg Config) map[string]string {
	s := cfg.statements()
	return map[string]string{
		"insert": s.insert, "examine": s.examine, "begin": s.begin,
		"advance": s.advance[len(s.advance)-1], "remove": s.remove,
	}
}
