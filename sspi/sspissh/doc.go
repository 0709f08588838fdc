// Package sspissh logs in the users of an SSH server with Kerberos. The package implements
// the method gssapi-with-mic of RFC 4462 for golang.org/x/crypto/ssh.
//
//	kerberos, err := sspissh.New(sspissh.Config{
//		Acceptor:  acceptor, // with the key of host/server.example.com
//		Authorize: sspissh.SameUser("EXAMPLE.COM"),
//	})
//	...
//	base := new(ssh.ServerConfig)
//	base.AddHostKey(hostKey)
//	for {
//		tcp, err := listener.Accept()
//		...
//		go serve(tcp, kerberos.ServerConfig(base)) // once for each connection
//	}
//
// and in serve:
//
//	conn, channels, requests, err := ssh.NewServerConn(tcp, config)
//	...
//	peer := sspissh.Peer(conn) // the client, or nil if it used a different method
//
// # One ServerConfig for each connection
//
// Call [Method.ServerConfig] once for each connection. x/crypto keeps one ssh.GSSAPIServer for
// each ssh.ServerConfig, so two concurrent logins that share a ServerConfig would share its
// state. ServerConfig makes a copy, which is cheap. If two connections use one copy, the copy
// ends all attempts and refuses every client from then on.
//
// A library that changes the ssh.ServerConfig afterwards can weaken it: gliderlabs/ssh admits
// every client without a credential if it knows of no method. The copy's NoClientAuthCallback
// refuses such clients. The program must decide about other methods that a library adds, such
// as passwords.
//
// # Checks
//
// The acceptor checks the client's token as package sspi documents. The client must request
// integrity, without which there is no MIC. The MIC protects the session identifier, the user's
// name and the method, and so binds the login to this connection. Finally, Config.Authorize
// decides. The only mechanism is Kerberos, because x/crypto passes no other mechanism on.
//
// Kerberos authenticates the client's principal, but the client chooses the user's name in the
// SSH protocol freely. Config.Authorize decides whether the client may log in as that user;
// [SameUser] returns the usual rule. Authorize has no default: [New] requires it. In Active
// Directory the client chooses the name in the principal too: a rule of the program uses
// sspi.Peer.Principal, and not sspi.Peer.Client.
//
// # Errors
//
// Every error is or wraps a *status.Error: use errors.As or status.ReasonOf. The package
// passes errors of Authorize to x/crypto unchanged, so Authorize may return a
// *ssh.PartialSuccessError or a *ssh.BannerError. x/crypto passes the errors to
// AuthLogCallback and in the *ssh.ServerAuthError of NewServerConn. It does not send them to
// the client.
//
// A refused client may make a further attempt or use its next method. OpenSSH tries
// gssapi-with-mic once for each of its mechanisms, so a refused login causes at least two
// errors; the last error says that Kerberos is the only mechanism.
//
// # Limits
//
// The program must limit the number of connections and the duration of a login, as for every
// method of SSH: set a deadline on the net.Conn. A login in progress occupies about two
// kilobytes in this package, and no goroutine.
package sspissh
