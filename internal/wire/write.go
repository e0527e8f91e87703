package wire

import "encoding/binary"

const simpleTrue = kindSimple<<5 | 21

// appendHead appends the start of an item in its shortest form.
func appendHead(b []byte, kind byte, arg uint64) []byte {
	k := kind << 5
	switch {
	case arg < 24:
		return append(b, k|byte(arg))
	case arg < 1<<8:
		return append(b, k|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, k|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, k|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, k|27), arg)
}

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, kindInt, uint64(-1-v))
	}
	return appendHead(b, kindUint, uint64(v))
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, kindText, uint64(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	return append(appendHead(b, kindBytes, uint64(len(s))), s...)
}
