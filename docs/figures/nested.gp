set terminal pngcairo size 900,560 font 'sans,11'
set output 'nested.png'
set style data histogram
set style histogram rowstacked gap 1
set style fill solid 0.9 border -1
set boxwidth 0.8
set grid ytics
set key top right outside
set ylabel 'cycles an operation'
set xtics rotate by -40 font 'sans,9'
set bmargin 7
set title 'Nested paging, preset skylake, --timing=simple'
plot newhistogram 'gups' offset 0,-3, \
     'nested.dat' index 0 using 2:xtic(1) linecolor rgb '#9aa5b1' title 'other', \
     'nested.dat' index 0 using 3 linecolor rgb '#2b6cb0' title 'walk, guest tables', \
     'nested.dat' index 0 using 4 linecolor rgb '#c05621' title 'walk, EPT', \
     newhistogram 'chase' offset 0,-3, \
     'nested.dat' index 1 using 2:xtic(1) linecolor rgb '#9aa5b1' notitle, \
     'nested.dat' index 1 using 3 linecolor rgb '#2b6cb0' notitle, \
     'nested.dat' index 1 using 4 linecolor rgb '#c05621' notitle
