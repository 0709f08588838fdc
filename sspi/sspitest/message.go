package sspitest

// Wrap makes a token that holds message, signed and, if conf is set, sealed, for
// the acceptor's Unwrap.
func (i *Initiator) Wrap(message []byte, conf bool) (token []byte, err error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	token, err = x.run.Wrap(message, conf)
	return token, public(err)
}

// Unwrap opens a token of the acceptor's Wrap; conf says that it was sealed. A
// client that asked for GSS_C_SEQUENCE_FLAG wants each message once and in order.
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

// GetMIC makes a signature over message for the acceptor's VerifyMIC.
func (i *Initiator) GetMIC(message []byte) (mic []byte, err error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	mic, err = x.run.GetMIC(message)
	return mic, public(err)
}

// VerifyMIC checks a signature of the acceptor's GetMIC over message. It counts in
// the order of messages as a token of Wrap does.
func (i *Initiator) VerifyMIC(message, mic []byte) error {
	x, unlock, err := i.established()
	if err != nil {
		return err
	}
	defer unlock()
	return public(x.run.VerifyMIC(message, mic))
}
