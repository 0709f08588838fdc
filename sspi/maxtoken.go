package sspi

// MaxToken is the longest token that Accept takes, in bytes: Config.MaxToken. A
// transport that decodes tokens can refuse longer ones before it does.
func (c *Context) MaxToken() int {
	if c.isZero() || !c.acceptor.made() {
		return defaultMaxToken
	}
	return c.acceptor.cfg.MaxToken
}
