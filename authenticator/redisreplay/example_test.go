package redisreplay_test

import (
	"context"
	"crypto/tls"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// All hosts of a service share a Redis server behind Sentinel. The cache waits for one
// replica, so that a failover loses no record.
func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cache, err := redisreplay.New(ctx, redisreplay.Config{
		Options: &redis.UniversalOptions{
			Addrs:      []string{"sentinel1.example.com:26379", "sentinel2.example.com:26379", "sentinel3.example.com:26379"},
			MasterName: "krb5rc",
			Username:   "krb5rc",
			Password:   os.Getenv("REDIS_PASSWORD"),
			TLSConfig:  &tls.Config{MinVersion: tls.VersionTLS13},
		},
		Replicas: 1,
		OnEvent: func(e redisreplay.Event) {
			if e.Err != nil {
				log.Printf("replay cache: %v", status.ReasonOf(e.Err)) // or count it
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	keys, err := keytab.Default()
	if err != nil {
		log.Print(err)
		return
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Replay: cache})
	if err != nil {
		log.Print(err)
		return
	}
	_ = acceptor
}
