// Package sspissh logs in the users of an SSH server by Kerberos: the method
// gssapi-with-mic of RFC 4462, for golang.org/x/crypto/ssh.
//
//	kerberos := &sspissh.Config{
//		Acceptor:  acceptor, // with the key of host/server.example.com
//		Authorize: sspissh.SameUser("EXAMPLE.COM"),
//	}
//	base := new(ssh.ServerConfig)
//	base.AddHostKey(hostKey)
//	for {
//		tcp, err := listener.Accept()
//		...
//		go serve(tcp, kerberos.ServerConfig(base)) // one for each connection
//	}
//
// and in serve:
//
//	conn, channels, requests, err := ssh.NewServerConn(tcp, config)
//	...
//	peer := sspissh.Peer(conn) // who it is; nil if it logged in by something else
//
// # One for each connection
//
// A ssh.ServerConfig holds one ssh.GSSAPIServer, and every connection that is
// made with it uses that one. What accepts a login has to remember it from token
// to token, so the logins of two connections would meet in it. Therefore
// [Config.ServerConfig] makes a copy of the ServerConfig for each connection,
// which is cheap. A [Server] that is used by a second connection all the same notices,
// ends what is under way, and refuses everybody from then on.
//
// A library that makes the ssh.ServerConfig's last changes itself can weaken it:
// gliderlabs/ssh admits every client, without a credential, if it knows of no method.
// The copy's NoClientAuthCallback refuses such clients. Methods that the library adds,
// such as passwords, are the program's to decide about.
//
// # What is checked
//
// The client's token, as package sspi checks it; that integrity was asked for,
// without which there is no MIC; the MIC over the session identifier, the user's
// name and the method, which binds the login to this connection; and then what
// Config.Authorize says. Only Kerberos is spoken, which is all that x/crypto lets
// through.
//
// Kerberos says who somebody is, and not as whom he may log in: the user's name in
// the SSH protocol is the client's own claim. [SameUser] is the usual rule. There
// is no default: without a Config.Authorize nobody gets in.
//
// # Errors
//
// Errors are, or wrap, *status.Error, except for what Authorize returns, which goes
// to x/crypto as it is: it may be a *ssh.PartialSuccessError or a *ssh.BannerError.
// They arrive in AuthLogCallback and in the *ssh.ServerAuthError of NewServerConn;
// the client is told nothing of them. That a token was good is reported by
// sspi.Config.OnEvent and Logger; whether a login came of it, by AuthLogCallback.
//
// A refused client may go on to its next attempt or method. OpenSSH tries
// gssapi-with-mic once for each mechanism that it has, so a login that is refused
// makes two errors or more, the last of them that only Kerberos is spoken here.
//
// # Limits
//
// How many connections there may be, and how long a login may take, is the
// server's to limit, as with any method of SSH: set a deadline on the net.Conn. A
// login that is under way costs about two kilobytes here, and no goroutine.
package sspissh
