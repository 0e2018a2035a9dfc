# SPDX-License-Identifier: GPL-2.0
#
# Plots the growth curves: gnuplot -e "data = 'FILE'" growth.gnuplot >FILE.svg,
# with the data from report.py.

set terminal svg size 1100,500 font "sans,12" background "white"
set multiplot layout 1,3 title "Instructions per descriptor, by number of descriptors"
set logscale x
set xrange [800:125000]
set yrange [0:4200]
set xtics ("1,000" 1000, "3,000" 3000, "10,000" 10000, "30,000" 30000, "100,000" 100000) \
	rotate by -40
set grid ytics lc rgb "#dddddd"
set key below samplen 2 maxrows 4

kinds = "eventfd timerfd signalfd"
phases = "create arm fire close"
array colours[4] = ["#1b6ca8", "#c4572a", "#3d8b40", "#7a4b9a"]

do for [kind = 1:3] {
	set title word(kinds, kind)
	plot for [p = 1:4] data index kind - 1 using 1:(column(2 * p)) with linespoints \
			lc rgb colours[p] dt 2 pt 6 ps 0.6 title word(phases, p) . ", native", \
		for [p = 1:4] data index kind - 1 using 1:(column(2 * p + 1)) with linespoints \
			lc rgb colours[p] pt 7 ps 0.6 title word(phases, p) . ", evfd"
}
unset multiplot
