package sqlreplay_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// Two processes of a service share a file of SQLite: each refuses an authenticator that
// the other has accepted. With PostgreSQL only the driver, its source and Dialect differ.
func Example() {
	dir, err := os.MkdirTemp("", "replay")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source := "file:" + filepath.Join(dir, "replay.db") + "?_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", source)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	ctx := context.Background()
	cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite}
	if err := sqlreplay.CreateTable(ctx, cfg); err != nil {
		log.Fatal(err)
	}
	realm := sspitest.NewRealm("EXAMPLE.COM")
	var hosts []*sspi.Acceptor
	for range 2 {
		cache, err := sqlreplay.New(ctx, cfg)
		if err != nil {
			log.Fatal(err)
		}
		acceptorConfig, err := realm.Config("HTTP/www.example.com")
		if err != nil {
			log.Fatal(err)
		}
		acceptorConfig.Replay = cache
		host, err := sspi.NewAcceptor(acceptorConfig)
		if err != nil {
			log.Fatal(err)
		}
		hosts = append(hosts, host)
	}

	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, host := range hosts {
		_, _, err := host.NewContext(sspi.ContextConfig{}).Accept(ctx, token)
		fmt.Println(status.ReasonOf(err))
	}
	// Output:
	// none
	// replay
}

// A service deletes old records by its own schedule. This function returns when ctx ends.
func ExampleCache_Expire() {
	expire := func(ctx context.Context, cache *sqlreplay.Cache) {
		const batch = 1000
		ticker := time.NewTicker(time.Minute)
		defer ticker.Stop()
		for {
			n, err := cache.Expire(ctx, batch)
			if err != nil {
				log.Print(err) // the next minute tries again
			}
			if n == batch {
				continue
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}
	_ = expire // go expire(ctx, cache)
}
