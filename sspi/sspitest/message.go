package sspitest

// Wrap returns a token that contains message, with integrity protection and, if conf is set,
// encrypted, for the acceptor's Unwrap.
func (i *Initiator) Wrap(message []byte, conf bool) (token []byte, err error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	token, err = x.run.Wrap(message, conf)
	return token, public(err)
}

// Unwrap returns the message in a token of the acceptor's Wrap, and reports whether it was
// encrypted. If the client requested GSS_C_SEQUENCE_FLAG, Unwrap returns an error for a
// repeated, missing or reordered message.
func (i *Initiator) Unwrap(token []byte) (message []byte, conf bool, err error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	message, conf, err = x.run.Unwrap(token)
	if err != nil {
		return nil, false, public(err)
	}
	return message, conf, nil
}

// GetMIC returns a MIC of message for the acceptor's VerifyMIC.
func (i *Initiator) GetMIC(message []byte) (mic []byte, err error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	mic, err = x.run.GetMIC(message)
	return mic, public(err)
}

// VerifyMIC verifies a MIC of the acceptor's GetMIC for message. MICs and tokens of Wrap share
// one sequence of numbers.
func (i *Initiator) VerifyMIC(message, mic []byte) error {
	x, unlock, err := i.established()
	if err != nil {
		return err
	}
	defer unlock()
	return public(x.run.VerifyMIC(message, mic))
}
