package redisreplay

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
)

// noEviction is the only maxmemory-policy under which a server never drops a key early.
const noEviction = "noeviction"

// checkConnection checks a new connection before go-redis uses it. An error closes the
// connection. The errors have no cause: go-redis returns the cause of an error in its
// place.
func (c *Cache) checkConnection(ctx context.Context, conn *redis.Conn) error {
	text, err := conn.Info(ctx).Result()
	if err != nil && !isAnswer(err) {
		return err
	}
	i := parseInfo(text)
	if i["redis_mode"] == "sentinel" || i["server_mode"] == "sentinel" {
		return nil // stores no records
	}
	if err := c.checkPolicy(ctx, conn, i["maxmemory_policy"]); err != nil {
		return err
	}
	if err := checkRole(i); err != nil {
		return err
	}
	now, ahead, err := c.checkClock(ctx, conn)
	if err != nil || c.cfg.AfterLoss == authenticator.AcceptOlder {
		return err
	}
	return c.losses.connected(i, now, ahead)
}

// isAnswer reports whether err is an error answer of the server, such as that of a command
// that the server hides.
func isAnswer(err error) bool {
	_, ok := err.(redis.Error)
	return ok
}

// info is the answer to INFO: values by the names of the fields. It is empty if the server
// hides the command.
type info map[string]string

func parseInfo(text string) info {
	i := make(info)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			i[name] = value
		}
	}
	return i
}

// checkPolicy returns an error unless the policy is noeviction. policy is the policy
// according to INFO, or empty.
func (c *Cache) checkPolicy(ctx context.Context, conn *redis.Conn, policy string) error {
	if policy == "" {
		values, err := conn.ConfigGet(ctx, "maxmemory-policy").Result()
		if err != nil && !isAnswer(err) {
			return err
		}
		policy = values["maxmemory-policy"]
	}
	switch {
	case policy == noEviction, policy == "" && c.cfg.AssumeNoEviction:
		return nil
	case policy == "":
		return failed("the Redis server shows its maxmemory-policy neither in INFO nor in CONFIG GET; permit one of the commands, or set Config.AssumeNoEviction if the policy is noeviction", nil)
	}
	return failed("the maxmemory-policy of the Redis server is "+quoted(policy)+", so that it would drop records when its memory is full; set it to noeviction, or use a server of its own", nil)
}

// checkRole returns an error if the server is a replica. In a cluster go-redis would ask it
// for the addresses of the primaries, and would still use the connection after the replica
// was promoted, without a new check.
func checkRole(i info) error {
	if role := i["role"]; role != "" && role != "master" {
		return failed("the Redis server is a replica; Config.Options must name a primary, or MasterName for Sentinel", nil)
	}
	return nil
}

// checkClock returns the time of the server and how far it is ahead of this host, or an
// error if that is too much.
func (c *Cache) checkClock(ctx context.Context, conn *redis.Conn) (server time.Time, ahead time.Duration, err error) {
	before := c.cfg.Time()
	server, err = conn.Time(ctx).Result()
	if err != nil {
		if isAnswer(err) {
			err = failed("the Redis server must permit the command TIME, because its clock decides when it deletes a record: "+quoted(err.Error()), nil)
		}
		return server, 0, err
	}
	after := c.cfg.Time()
	ahead = server.Sub(after)
	if limit := c.cfg.MaxClockDifference; server.Before(before.Add(-limit)) || server.After(after.Add(limit)) {
		return server, ahead, failed("the clock of the Redis server is "+ahead.Round(time.Millisecond).String()+" ahead of the clock of this host, more than Config.MaxClockDifference, "+limit.String()+"; synchronise both clocks", nil)
	}
	c.losses.slow(before.Sub(server))
	return server, ahead, nil
}

// quoted quotes and truncates text of the server.
func quoted(text string) string {
	if len(text) > 200 {
		text = text[:200]
	}
	return strconv.Quote(text)
}
