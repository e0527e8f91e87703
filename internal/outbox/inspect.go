package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// This file reads bbolt's format by itself, before bbolt may: bbolt trusts what it maps into memory, and a flipped bit in a page
// makes it panic in a goroutine of its own, loop, or return other data. The format is that of bbolt 1.5, file version 2: pages
// of a header (id 8, flags 2, count 2, overflow 4 bytes) and elements whose keys and values follow without a gap. Integers are
// in the byte order of the machine.

const (
	pageHeader  = 16
	branchElem  = 16 // pos 4, ksize 4, page 8
	leafElem    = 16 // flags 4, pos 4, ksize 4, vsize 4
	branchPage  = 1
	leafPage    = 2
	bucketElem  = 1
	bucketHead  = 16 // root page 8, sequence 8; root 0: the page follows inline
	metaLen     = 64
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = ^uint64(0)
	maxDepth    = 32
	maxNode     = 16 << 20 // bytes of one node: far more than two of the largest records
)

// meta is one of the two pages that say where the tree begins.
type meta struct {
	pageSize   int
	root       uint64
	end        uint64 // the first page never used
	freelist   uint64
	txid       uint64
	wellFormed bool
}

func readMeta(f io.ReaderAt, off int64) (m meta) {
	b := make([]byte, pageHeader+metaLen)
	if _, err := f.ReadAt(b, off); err != nil {
		return m
	}
	b = b[pageHeader:]
	e := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:56]) // never fails
	m = meta{pageSize: int(e.Uint32(b[8:])), root: e.Uint64(b[16:]), freelist: e.Uint64(b[32:]), end: e.Uint64(b[40:]), txid: e.Uint64(b[48:])}
	m.wellFormed = e.Uint32(b) == metaMagic && e.Uint32(b[4:]) == metaVersion && e.Uint64(b[56:]) == sum.Sum64() &&
		m.pageSize >= 1024 && m.pageSize <= 1<<16 && m.pageSize&(m.pageSize-1) == 0
	return m
}

// inspector walks the tree. What is wrong is noted in faults, and the rest of the tree is still read.
type inspector struct {
	f      io.ReaderAt
	size   int64
	meta   meta
	seen   []bool // pages
	emit   func(k kind, key, value []byte)
	faults []string
}

const maxFaults = 100

func (in *inspector) fault(format string, args ...any) {
	if len(in.faults) < maxFaults {
		in.faults = append(in.faults, fmt.Sprintf(format, args...))
	}
}

// inspect reads the whole file and calls emit for every record that can be reached; key and value are the callee's only until it
// returns. It returns the number of the last transaction and what is wrong with the file's structure.
func inspect(f io.ReaderAt, size int64, emit func(k kind, key, value []byte)) (txid uint64, faults []string) {
	in := &inspector{f: f, size: size, emit: emit}
	if in.choose() {
		in.seen = make([]bool, in.meta.end)
		in.root()
	}
	return in.meta.txid, in.faults
}

// choose takes the newer of the two meta pages, as bbolt does.
func (in *inspector) choose() bool {
	m0 := readMeta(in.f, 0)
	var m1 meta
	if m0.wellFormed {
		m1 = readMeta(in.f, int64(m0.pageSize))
	} else {
		for ps := int64(1024); ps <= 1<<16 && !m1.wellFormed; ps <<= 1 {
			m1 = readMeta(in.f, ps)
		}
	}
	in.meta = m0
	if !m0.wellFormed || m1.wellFormed && m1.txid > m0.txid {
		in.meta = m1
	}
	switch {
	case !in.meta.wellFormed:
		in.fault("no meta page is sound")
		return false
	case !m0.wellFormed || !m1.wellFormed || m0.txid+1 != m1.txid && m1.txid+1 != m0.txid:
		in.fault("one of the two meta pages is damaged: the last transaction may be lost")
	}
	if in.meta.freelist != noFreelist {
		in.fault("there is a freelist, which is never written here")
	}
	if pages := uint64(in.size) / uint64(in.meta.pageSize); in.meta.end > pages {
		in.fault("the file has %d pages of %d", pages, in.meta.end)
		in.meta.end = pages
	}
	return true
}

// root walks the bucket of buckets.
func (in *inspector) root() {
	in.walk(in.meta.root, 0, true, nil, nil, func(flags uint32, key, value []byte) {
		k, known := kindOf(key)
		if flags != bucketElem || !known || len(value) < bucketHead {
			in.fault("the list of buckets holds something else")
			return
		}
		leaf := func(flags uint32, key, value []byte) {
			if flags != 0 {
				in.fault("a bucket within a bucket")
				return
			}
			in.emit(k, key, value)
		}
		root := binary.NativeEndian.Uint64(value)
		if root != 0 {
			if len(value) != bucketHead {
				in.fault("bucket %q: %d bytes", key, len(value))
			}
			in.walk(root, 0, true, nil, nil, leaf)
			return
		}
		page := value[bucketHead:]
		if len(page) < pageHeader || binary.NativeEndian.Uint16(page[8:]) != leafPage {
			in.fault("bucket %q: no page", key)
			return
		}
		in.elements(page, len(page), true, nil, nil, 0, leaf)
	})
}

func kindOf(key []byte) (kind, bool) {
	for k := range numKinds {
		if bytes.Equal(key, k.bucket()) {
			return k, true
		}
	}
	return 0, false
}

// walk reads the page id and what is below. All keys are at least low and less than high, where these are given.
func (in *inspector) walk(id uint64, depth int, top bool, low, high []byte, leaf func(flags uint32, key, value []byte)) {
	page, span := in.page(id)
	if page == nil {
		return
	}
	if depth > maxDepth {
		in.fault("the tree is deeper than %d", maxDepth)
		return
	}
	if used := in.elements(page, len(page), top, low, high, depth, leaf); used > 0 && (used+in.meta.pageSize-1)/in.meta.pageSize != span {
		in.fault("page %d spans %d pages for %d bytes", id, span, used)
	}
}

// page reads a page with its overflow, once.
func (in *inspector) page(id uint64) (page []byte, span int) {
	if id < 2 || id >= in.meta.end {
		in.fault("page %d is out of the file", id)
		return nil, 0
	}
	var head [pageHeader]byte
	ps := int64(in.meta.pageSize)
	if _, err := in.f.ReadAt(head[:], int64(id)*ps); err != nil {
		in.fault("page %d: %v", id, err)
		return nil, 0
	}
	over := uint64(binary.NativeEndian.Uint32(head[12:]))
	flags := binary.NativeEndian.Uint16(head[8:])
	switch {
	case binary.NativeEndian.Uint64(head[:]) != id:
		in.fault("page %d has another number", id)
	case flags != branchPage && flags != leafPage:
		in.fault("page %d has flags %#x", id, flags)
	case (over+1)*uint64(ps) > maxNode || id+over >= in.meta.end:
		in.fault("page %d claims %d more", id, over)
	default:
		for i := id; i <= id+over; i++ {
			if in.seen[i] {
				in.fault("page %d is used twice", i)
				return nil, 0
			}
			in.seen[i] = true
		}
		page = make([]byte, (over+1)*uint64(ps))
		if _, err := in.f.ReadAt(page, int64(id)*ps); err != nil {
			in.fault("page %d: %v", id, err)
			return nil, 0
		}
		return page, int(over) + 1
	}
	return nil, 0
}

// elements goes through what a page holds and returns the bytes it uses, or 0 for a page that is not as bbolt writes it.
func (in *inspector) elements(page []byte, size int, top bool, low, high []byte, depth int, leaf func(flags uint32, key, value []byte)) (used int) {
	e := binary.NativeEndian
	isLeaf := e.Uint16(page[8:]) == leafPage
	count := int(e.Uint16(page[10:]))
	if count == 0 && !(isLeaf && top) {
		in.fault("an empty page")
		return 0
	}
	data := pageHeader + count*leafElem // both kinds of element have one size
	type child struct {
		key []byte
		id  uint64
	}
	var children []child
	var last []byte
	for i := range count {
		at := pageHeader + i*leafElem
		if at+leafElem > size {
			in.fault("a page claims %d elements", count)
			return 0
		}
		el := page[at:]
		var flags, pos, klen, vlen uint32
		var id uint64
		if isLeaf {
			flags, pos, klen, vlen = e.Uint32(el), e.Uint32(el[4:]), e.Uint32(el[8:]), e.Uint32(el[12:])
		} else {
			pos, klen, id = e.Uint32(el), e.Uint32(el[4:]), e.Uint64(el[8:])
		}
		end := int64(data) + int64(klen) + int64(vlen)
		if int64(at)+int64(pos) != int64(data) || end > int64(size) || klen == 0 {
			in.fault("element %d of a page is out of place", i)
			return 0
		}
		key := page[data : data+int(klen)]
		if last != nil && bytes.Compare(last, key) >= 0 || low != nil && bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0 {
			in.fault("keys are out of order")
			return 0
		}
		last = key
		if isLeaf {
			leaf(flags, key, page[data+int(klen):end])
		} else {
			children = append(children, child{key, id})
		}
		data = int(end)
	}
	for i, c := range children {
		upper := high
		if i+1 < len(children) {
			upper = children[i+1].key
		}
		in.walk(c.id, depth+1, false, c.key, upper, leaf)
	}
	return data
}
