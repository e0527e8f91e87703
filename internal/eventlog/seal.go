package eventlog

import (
	"encoding/binary"
	"hash/crc32"
)

// Every value begins with the CRC-32C of its key and of what follows, so that a value under a wrong key is noticed
// too.
const sealSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, payload)
}

// sealed is the value to store for a payload.
func sealed(key, payload []byte) []byte {
	b := make([]byte, sealSize, sealSize+len(payload))
	binary.LittleEndian.PutUint32(b, checksum(key, payload))
	return append(b, payload...)
}

// unseal is the payload of a stored value, aliasing it; false when it is damaged.
func unseal(key, value []byte) ([]byte, bool) {
	if len(value) < sealSize || binary.LittleEndian.Uint32(value) != checksum(key, value[sealSize:]) {
		return nil, false
	}
	return value[sealSize:], true
}
