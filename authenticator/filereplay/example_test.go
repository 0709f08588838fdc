package filereplay_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// Two processes of a service share a replay file: each refuses an authenticator that the
// other has accepted.
func Example() {
	folder, err := os.MkdirTemp("", "replay") // a service has a folder of its own, such as /var/lib/www
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	process := func() (*sspi.Acceptor, error) {
		cfg, err := realm.Config("HTTP/www.example.com")
		if err != nil {
			return nil, err
		}
		cache, err := filereplay.Open(ctx, filereplay.Config{
			Path: filepath.Join(folder, "replay"),
			Time: cfg.Time, // a service has no clock of its own
		})
		if err != nil {
			return nil, err
		}
		cfg.Replay = cache // a nil *Cache would not be a nil ReplayCache, so check err first
		return sspi.NewAcceptor(cfg)
	}
	first, err := process()
	if status.ReasonOf(err) == status.ReasonUnsupported {
		fmt.Println("none\nreplay") // a system without these locks needs another cache
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	second, err := process()
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, acceptor := range []*sspi.Acceptor{first, second} {
		_, _, err = acceptor.NewContext(sspi.ContextConfig{}).Accept(ctx, token)
		fmt.Println(status.ReasonOf(err))
	}
	// Output:
	// none
	// replay
}
