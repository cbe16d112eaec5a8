set terminal pngcairo size 900,560 font 'sans,11'
set output 'chase.png'
set logscale x 2
set logscale y 2
set grid
set key top left
set xlabel 'footprint (KiB)'
set ylabel 'cycles per dependent load'
set title 'Pointer chase, preset skylake, --timing=simple'
plot 'chase.dat' using 1:2 with linespoints title '4 KiB pages', \
     '' using 1:3 with linespoints title '2 MiB pages', \
     '' using 1:4 with linespoints title '1 GiB pages'
