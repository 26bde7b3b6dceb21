"""Names and sentences of the synthetic entity data. Names are put together from parts, so most are seen rarely."""

FIRST = (
    "budi siti agus dewi eko rina joko sri andi lestari hendra wati rudi yuni dedi ratna iwan nur bambang endang "
    "tono ani slamet tuti yusuf fitri ahmad aisyah rizky putri dimas ayu galih nadia arif mega taufik laras hadi "
    "sekar yoga ningsih reza salma teguh vina wawan yanti zaki ira krisna made ketut wayan nyoman gede komang togar "
    "ucok butet maruli poltak asep euis ujang neneng cecep dadang lilis maman daeng baso becce sofyan rahma ridwan "
    "halimah fadli zahra gilang anisa hafiz khadijah ilham latifah jamal mutia naufal oktavia prasetyo qori raka "
    "shinta tegar utami vito wulandari"
)
LAST = (
    "santoso wijaya saputra hidayat nugroho kurniawan setiawan pratama gunawan susanto siregar nasution harahap "
    "simanjuntak lubis sitompul panjaitan hutapea ginting tarigan sembiring pangaribuan rahman hakim maulana "
    "firmansyah ramadhan fauzi permana suryadi hartono sutrisno wibowo purnomo haryanto subroto yulianto mulyadi "
    "suherman iskandar basri amir tanjung chaniago piliang koto sikumbang latuconsina pattinama tuasikal rumbiak "
    "wenda kogoya manoppo wowor lumentut sangaji aritonang batubara dalimunthe pohan rangkuti handoko kusuma "
    "adiputra mahendra wirawan pamungkas"
)
PERSON_HEADS = "su ar da har mul kar sar tri wi dar mar par sam ju no sa pur ras war gi"
PERSON_TAILS = (
    "warno kardi tini yanti tono manto ginem diman wati jiyem santi sono minah paijo kirman tinah mini jono sih gito "
    "narti lastri"
)
CITIES = (
    "jakarta surabaya bandung medan semarang makassar palembang yogyakarta denpasar malang padang pontianak manado "
    "solo bogor balikpapan samarinda banjarmasin jambi pekanbaru kupang ambon jayapura ternate mataram kendari palu "
    "gorontalo bengkulu cirebon tegal kudus jepara garut tasikmalaya sukabumi madiun kediri blitar banyuwangi jember "
    "probolinggo pasuruan gresik lamongan tuban bojonegoro ngawi magelang purwokerto cilacap kebumen klaten wonogiri "
    "sragen batu bima sorong merauke nabire timika wamena sibolga binjai langsa lhokseumawe sabang dumai bontang "
    "tarakan nunukan bitung tomohon poso luwuk"
)
PLACE_HEADS = (
    "suka karang tanjung wono sido purwo banjar mekar sumber kali muara pasir giri ranu jati kedung rawa ujung teluk "
    "bukit"
)
PLACE_TAILS = (
    "maju jaya rejo sari anyar mulyo agung harjo asih tani makmur wangi luhur indah baru raya kerto negara lor kidul"
)
PLACE_KINDS = (
    "desa kecamatan jalan pantai pasar terminal pulau kabupaten kampung gunung stasiun alun_alun gang danau sungai"
)
COMPANY_WORDS = (
    "cipta karya mandiri sentosa nusa persada graha mitra surya cahaya bintang mutiara permata indo prima utama "
    "abadi sejahtera makmur jaya anugerah berkah sinar mega global artha tirta pangan agro bahari samudra fajar "
    "garuda merpati rajawali"
)
COMPANY_KINDS = "pt cv pt cv koperasi yayasan bank toko grup radio"
OFFICE_KINDS = (
    "dinas_kesehatan dinas_pendidikan polres kejaksaan universitas politeknik rumah_sakit pengadilan pemkot dprd "
    "bank radio persatuan puskesmas sma_negeri badan_amil balai_kota kamar_dagang rsud bpbd"
)
# kept in capitals outside chat when they are short enough to be initials
SHORT_NAMES = (
    "kpk pln bpjs telkom pertamina bulog kemenkes pssi unair itb bri bni damri polri tni bmkg basarnas kominfo "
    "ojek_nusa lintas_kita"
)
# names of people, hotels, streets and firms that are also everyday words
DOUBLES = (
    "mawar melati dahlia kenanga cempaka anggrek bintang surya fajar intan mutiara cahaya permata indah bagus slamet "
    "harapan bunga kartika wahyu setia guntur bayu embun langit samudra cinta ratu bulan melur kamboja seruni "
    "teratai kasih rahayu bahagia jaya sentosa merpati kenari kencana pelangi perdana lestari utama gembira"
)
FOODS = (
    "rendang dodol pempek soto nasi bakpia sate bika_ambon rawon batik kopi apel asinan gudeg lumpia coto wingko "
    "songket"
)
PLAIN = {
    "day": "senin selasa rabu kamis jumat sabtu minggu kemarin semalam",
    "number": "dua tiga empat lima tujuh sepuluh dua_puluh 12 15 40 100 250",
    "thing": "motor laptop sepeda buku tas rumah mobil sawah kamera hp kebun truk perahu",
    "job": (
        "guru dokter petani pedagang sopir nelayan pelatih bupati camat lurah direktur wartawan penyanyi bidan hakim"
    ),
    "say": "mengatakan menjelaskan menegaskan bilang menyebut mengaku menyatakan mengungkapkan",
    "go": "pergi pindah berangkat mudik berlibur terbang pulang merantau",
    "event": "banjir gempa kebakaran pameran lomba konser rapat seminar longsor pawai bazar",
}
# {P} person, {L} place, {O} organisation, {C} a club called by its city, {W} a person called by an everyday word,
# {D} that word when it is no name; {*} is a W, an L or a C, and nothing tells which
SENTENCES = (
    "{P} {go} ke {L} hari {day}",
    "{P} dan {P} {go} bersama ke {L}",
    "{job} {P} {say} {event} itu terjadi di {L}",
    "{event} di {L} dihadiri {P}",
    "{event} melanda {L} hari {day}",
    "{O} membuka kantor di {L}",
    "{O} menunjuk {P} jadi direktur",
    "juru bicara {O} {P} {say} rapat ditunda",
    "{P} bekerja di {O} sejak {number} tahun lalu",
    "{P} tinggal di {L} sejak kecil",
    "{P} pindah dari {O} ke {O}",
    "{P} pindah dari {L} ke {L}",
    "kabar dari {P} sampai hari {day}",
    "surat dari {O} sampai hari {day}",
    "kiriman dari {L} sampai hari {day}",
    "saya ketemu {P} di {L} kemarin",
    "ada yang kenal {P} anak {L} itu",
    "titip salam buat {P} ya , jangan lupa",
    "besok jadi ke {L} bareng {P} ?",
    "gajian {O} telat lagi , kata {P}",
    "rekening {O} saya diblokir hari {day}",
    "{L} macet total hari {day}",
    "{L} hujan terus , {P} batal datang",
    "{P} menang lomba di {L}",
    "{C} menang {number} gol atas {C}",
    "{C} menjamu {C} di stadion {L}",
    "{C} resmi mengontrak {P} hari {day}",
    "{C} akhirnya juara lagi",
    "{L} akhirnya hujan lagi",
    "pelatih {C} {P} {say} timnya siap",
    "warga {L} {P} {say} airnya surut",
    "{L} menjadi tuan rumah {event}",
    "{P} beli {thing} dari {P}",
    "{P} melapor ke {O} karena {thing} hilang",
    "warga {L} memprotes {O}",
    "{O} menyalurkan bantuan untuk warga {L}",
    "{O} {say} harga akan naik hari {day}",
    "{P} {say} akan datang hari {day}",
    "lahir di {L} , {P} kini {job} di {O}",
    "dulu {P} kuliah di {O} bareng {P}",
    "menurut {P} , {O} sudah minta maaf",
    "{P} , {job} asal {L} , meninggal hari {day}",
    "penumpang dari {L} tujuan {L} batal berangkat",
    "harga {thing} di {L} naik {number} persen",
    "saya dan {P} makan {food} di {L}",
    "{food} {city} buatan {P} enak sekali",
    "beli {food} {city} {number} bungkus",
    "oleh oleh {food} {city} habis hari {day}",
    "{D} di halaman rumah {P} mekar lagi",
    "jual {D} dan {thing} murah hari {day}",
    "semoga {D} dan sehat selalu , {P}",
    "malam ini {D} terlihat indah dari {L}",
    "hidup penuh {D} itu kata {job}",
    "warna {D} cocok untuk {thing} baru",
    "belum ada {D} hari {day} ini",
    "saya suka {D} , {P} suka {thing}",
    "{thing} {P} dijual {number} juta",
    "harga {thing} naik hari {day}",
    "{job} itu membeli {thing} hari {day}",
    "{number} {job} ikut {event} hari {day}",
    "siapa yang tahu alamat {O} ?",
    "siapa yang tahu nomor {P} ?",
    "jauh tidak {L} dari sini ?",
    "bagaimana pendapat {P} soal {O} ?",
    "{O} dan {O} bekerja sama di {L}",
    "sidang {P} digelar hari {day}",
    "mantan {job} {P} ditahan {O}",
    "{P} resmi gabung {O} hari {day}",
    "lowongan {job} di {O} dibuka hari {day}",
    "{L} dan {L} diguncang gempa",
    "jalur {L} ditutup , kata {O}",
    "saya cari {W} hari {day}",
    "saya cari {D} hari {day}",
    "ada {W} di depan rumah {P}",
    "ada {D} di depan rumah {P}",
    "saya lihat {C} tadi malam , bagus sekali",
    "saya lihat {L} tadi malam , bagus sekali",
    "film tentang {*} tayang hari {day}",
    "berita soal {*} ramai dibahas hari {day}",
    "foto {*} tersebar di grup keluarga",
    "semua membicarakan {*} sejak {day}",
)
