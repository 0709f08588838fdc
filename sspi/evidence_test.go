package sspi_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// TestDELEG_7_Evidence checks that a context keeps the client's ticket only if the program
// asks for it, also after an export, and not after Close.
func TestDELEG_7_Evidence(t *testing.T) {
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{})
	if e := c.Evidence(); e != nil {
		t.Errorf("without KeepEvidence: %v", e)
	}
	var sent []byte
	c, _ = s.established(t, sspi.ContextConfig{KeepEvidence: true}, func(q *krbtest.APReq) {
		sent = q.Ticket.Bytes()
		q.TicketBytes = sent
	})
	check := func(what string, c *sspi.Context) {
		t.Helper()
		e, p := c.Evidence(), c.Peer()
		if e == nil || !bytes.Equal(e.Ticket.Bytes(), sent) || e.Client != p.Client || e.Service != p.Service ||
			e.Flags != p.TicketFlags || !e.EndTime.Equal(p.EndTime) || e.SessionKey.EType() != p.SessionEType {
			t.Fatalf("%s: %v", what, e)
		}
	}
	check("established", c)
	key := c.Evidence().SessionKey
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if e := c.Evidence(); e != nil {
		t.Errorf("after the export: %v", e)
	}
	moved, err := s.worker(t).Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	check("imported", moved)
	if !moved.Evidence().SessionKey.Equal(key) {
		t.Error("the session key changed")
	}
	moved.Close()
	if e := moved.Evidence(); e != nil {
		t.Errorf("after Close: %v", e)
	}
	var none *sspi.Context
	if none.Evidence() != nil || new(sspi.Context).Evidence() != nil {
		t.Error("a nil Context has evidence")
	}
}

// TestDELEG_7_EvidenceLaterLegs checks that the evidence is there once the context is
// established, and not before.
func TestDELEG_7_EvidenceLaterLegs(t *testing.T) {
	s := newSite(t)
	c, _ := s.established(t, sspi.ContextConfig{KeepEvidence: true}, dce)
	if c.Evidence() == nil {
		t.Error("DCE style: no evidence")
	}
}
