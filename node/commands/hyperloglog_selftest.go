package commands

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// selfTestElements is to how many elements PFSELFTEST counts.
const selfTestElements = 100_000

// testSketches tries the two forms and the estimate, and says what is wrong, or nothing.
func testSketches() string {
	if problem := testDenseRegisters(); problem != "" {
		return problem
	}
	return testEstimates()
}

// testDenseRegisters writes every register, in any order, and reads all of them.
func testDenseRegisters() string {
	random := rand.New(rand.NewPCG(1, 2))
	s := make(sketch, denseSize)
	var want registers
	for _, register := range random.Perm(registerCount) {
		want[register] = byte(random.IntN(1 << registerWidth))
		s.setDense(register, want[register])
	}
	for register := range want {
		if got := s.denseRegister(register); got != want[register] {
			return fmt.Sprintf("Register %d should be %d but is %d", register, want[register], got)
		}
	}
	return ""
}

// selfTestSparse is the size up to which its sketch is sparse.
const selfTestSparse = 3000

// testEstimates adds elements to a sketch that is sparse at first and to one that is dense from the beginning, and compares
// their counts with each other and, at the powers of ten, with the truth.
func testEstimates() string {
	sparse, dense := editSketch(nil, selfTestSparse), editSketch(nil, 0)
	next := 10
	for n := 1; n <= selfTestElements; n++ {
		element := strconv.AppendInt(nil, int64(n), 10)
		if !sparse.add(element) || !dense.add(element) {
			return fmt.Sprintf("Corrupted after %d elements", n)
		}
		if n != next && n != selfTestElements {
			continue
		}
		next *= 10
		one, _ := sparse.finish().count()
		other, _ := dense.finish().count()
		if one != other {
			return fmt.Sprintf("%d elements count %d sparse and %d dense", n, one, other)
		}
		if wrong := math.Abs(float64(one - int64(n))); wrong > math.Ceil(tolerated*float64(n)) {
			return fmt.Sprintf("Too big error. card:%d abserr:%.0f", n, wrong)
		}
	}
	return ""
}

// tolerated is the relative error that PFSELFTEST accepts: six times the standard error of so many registers.
const tolerated = 6 * 1.04 / 128
