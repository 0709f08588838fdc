//go:build unix

// Command acceptor is an acceptor of the tests in internal/interop/replay whose replay
// cache is a table. Its arguments are the dialect, postgres or sqlite, the source of the
// database for the driver, and the interval of the calls of Expire, by default 200ms. It
// creates the table.
//
// With the argument lock and a source, it holds SQLite's lock until it is killed.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

const connections = 10

func main() {
	signal.Ignore(syscall.SIGXFSZ) // a write above the limit for files must return an error
	if len(os.Args) == 3 && os.Args[1] == "lock" {
		log.Fatal(lock(os.Args[2]))
	}
	acceptor.Main(open)
}

func open(ctx context.Context, args []string) (authenticator.ReplayCache, error) {
	interval := 200 * time.Millisecond
	switch len(args) {
	case 2:
	case 3:
		var err error
		if interval, err = time.ParseDuration(args[2]); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("usage: acceptor -keytab FILE postgres|sqlite SOURCE [INTERVAL]")
	}
	cfg := sqlreplay.Config{Dialect: sqlreplay.PostgreSQL, Timeout: 4 * time.Second} // the flag -timeout decides
	driver := "pgx"
	if args[0] == "sqlite" {
		cfg.Dialect, driver = sqlreplay.SQLite, "sqlite"
	}
	var err error
	if cfg.DB, err = sql.Open(driver, args[1]); err != nil {
		return nil, err
	}
	cfg.DB.SetMaxOpenConns(connections)
	cfg.DB.SetMaxIdleConns(connections)
	if err := sqlreplay.CreateTable(ctx, cfg); err != nil {
		return nil, err
	}
	cache, err := sqlreplay.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	go expire(cache, interval)
	return cache, nil
}

func expire(cache *sqlreplay.Cache, interval time.Duration) {
	for range time.Tick(interval) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if _, err := cache.Expire(ctx, 1000); err != nil {
			log.Print(err)
		}
		cancel()
	}
}

// lock holds the lock of a SQLite database.
func lock(source string) error {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	fmt.Println("locked")
	time.Sleep(time.Hour) // the test kills the process
	return nil
}
