package outbox

import (
	"errors"
	"testing"

	"brine/internal/wire"
)

func TestFullReserveAndRoom(t *testing.T) {
	o := open(t, file(t), Options{MaxBytes: 64 << 10, ReserveBytes: 16 << 10})
	big := wire.Event{Time: 1, Tag: "big", Data: make([]byte, 4000)}
	select {
	case <-o.Room():
	default:
		t.Error("there is room, but Room waits")
	}
	var err error
	for err == nil {
		_, err = o.Commit(Tx{Events: []wire.Event{big}, Baselines: []KV{{"file", "k", []byte("with")}}})
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	next := o.State().Next
	room := o.Room()
	select {
	case <-room:
		t.Error("no room, but Room does not wait")
	default:
	}
	if got := commit(t, o, Tx{Events: []wire.Event{big}, Reserve: true, Done: &Done{JID: "j", Attempt: 1}}); got != next {
		t.Errorf("the reserve gives %d, want %d", got, next)
	}
	for err = nil; err == nil; {
		_, err = o.Commit(Tx{Events: []wire.Event{big}, Reserve: true})
	}
	if !errors.Is(err, ErrFull) || o.Stats().Bytes > 64<<10 {
		t.Errorf("%v, %d bytes", err, o.Stats().Bytes)
	}
	if _, err := o.Commit(Tx{Events: make50(big)}); !errors.Is(err, ErrTooBig) {
		t.Errorf("what never fits: %v", err)
	}
	commit(t, o, Tx{Baselines: []KV{{"file", "k", nil}}}) // what frees is always taken
	if err := o.Ack(o.State().Next-1, nil); err != nil {
		t.Fatal(err)
	}
	<-room
	commit(t, o, Tx{Events: []wire.Event{big}})
	if full := o.Stats().Full; full != 2 {
		t.Errorf("%d were told that it is full", full)
	}
}

func make50(e wire.Event) (list []wire.Event) {
	for range 50 {
		list = append(list, e)
	}
	return list
}

func TestFullIsTriedAgainWithPendingAcks(t *testing.T) {
	o := open(t, file(t), Options{MaxBytes: 64 << 10, ReserveBytes: 1 << 10})
	big := wire.Event{Time: 1, Tag: "big", Data: make([]byte, 4000)}
	for range 200 { // far more than fit, all of them acknowledged at once
		if err := o.Ack(commit(t, o, Tx{Events: []wire.Event{big}}), nil); err != nil {
			t.Fatal(err)
		}
	}
}
