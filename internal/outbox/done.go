package outbox

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// EachDone calls f for every job remembered as done, in no order. A damaged record is passed over: its job is started
// again if it comes again.
func (o *Outbox) EachDone(f func(jid string, attempt int)) error {
	return o.view(func(tx *bolt.Tx) error {
		return tx.Bucket(kDone.bucket()).ForEach(func(k, v []byte) error {
			if p, sound := kDone.unseal(k, v); sound && len(p) >= 12 && len(k) > 1 && k[0] == jidKey("")[0] {
				f(string(k[1:]), int(binary.BigEndian.Uint32(p[8:])))
			}
			return nil
		})
	})
}
