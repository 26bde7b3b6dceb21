"""Words of the synthetic reviews: aspects, opinion words (common ones first), facts. `_` joins words of one phrase."""

# aspect kind -> (aspects, words for good, words for bad); the order is the frequency order
OPINIONS: dict[str, tuple[str, str, str]] = {
    "food": (
        "makanan rasa menu sotonya baksonya nasi_gorengnya satenya ayam_bakarnya sambalnya kuahnya rendangnya "
        "ikan_bakarnya mie_ayamnya martabaknya gudegnya pempeknya kopinya es_tehnya sarapan camilannya "
        "kue_lapisnya bumbunya topingnya",
        "enak lezat gurih sedap nikmat segar empuk maknyus renyah nagih lumer pulen legit creamy garing medok "
        "mantul nendang juicy kaya_rempah bikin_nambah pas_di_lidah harum fresh nyus otentik berempah "
        "bikin_kangen nampol meresap endes mlekoh sedep endeus",
        "hambar keasinan amis basi alot gosong pahit eneg lembek kemanisan anyep tengik bantat hangus berminyak "
        "sepat anyir kecut benyek langu cemplang bikin_mual kurang_matang bau_apak overcook undercook mlempem "
        "keras_kayak_batu terlalu_asam bikin_sakit_perut bikin_enek kering_kerontang kebanyakan_micin tawar",
    ),
    "room": (
        "kamar kamar_mandinya lobinya tempat suasana kolam_renangnya handuknya seprainya toiletnya "
        "ruang_tunggunya balkonnya musalanya tamannya lorongnya parkirannya interiornya terasnya restonya "
        "rooftopnya",
        "bersih nyaman luas wangi rapi adem tenang sejuk kinclong asri lega resik homey terawat mewah hening "
        "estetik bikin_betah cozy instagramable lapang teduh kesat romantis syahdu tertata higienis mengkilap "
        "permai berasa_di_rumah bikin_rileks apik adem_ayem serasa_sultan",
        "kotor pengap sempit apek bau bising lembap berdebu kumuh berisik jorok sumpek gerah bocor kusam lusuh "
        "pesing berjamur remang suram banyak_nyamuk banyak_kecoa berkarat banjir mampet angker kumal dekil becek "
        "bikin_sesak bikin_merinding tak_terurus berlumut bernoda",
    ),
    "service": (
        "pelayanan stafnya pelayannya kurirnya adminnya kasirnya resepsionisnya penjualnya satpamnya barista "
        "supirnya respon_toko customer_servicenya terapisnya manajernya pengirimannya mbaknya masnya",
        "ramah cepat sigap sopan tanggap cekatan sabar responsif gesit helpful telaten gercep murah_senyum "
        "informatif luwes amanah fast_respon jujur humble santun wat_wet solutif perhatian profesional peka sumeh "
        "hangat kooperatif ringan_tangan bertanggung_jawab komunikatif sat_set baik_hati luar_biasa_sabar",
        "lambat jutek cuek judes lelet kasar ketus galak lemot slow_respon nyolot songong sengak acuh arogan "
        "ngaret molor pelit_senyum lalai ceroboh pemarah asal_asalan bikin_emosi semena_mena sinis plin_plan "
        "bikin_naik_darah masa_bodoh bohong php lola curang sombong tidak_sopan",
    ),
    "product": (
        "barang kualitas bahan jahitannya layarnya baterainya kemasan tasnya sepatunya blendernya hpnya jaketnya "
        "kabelnya headsetnya kursinya kipasnya bajunya resletingnya warnanya chargernya panci jam_tangannya "
        "raketnya tombolnya",
        "awet kuat kokoh mulus original tebal halus tahan_lama rapi presisi ori elegan kencang solid fungsional "
        "tajam berkelas lancar_jaya serbaguna sesuai_foto anti_air tangguh premium adem_dipakai enteng badak "
        "ngacir jernih mumpuni bandel anti_lecet bening tokcer kenceng",
        "rusak cacat ringkih palsu sobek penyok luntur retak lecet rapuh longgar kw bolong macet ngadat buram "
        "belang error abal_abal gampang_patah mati_total melar karatan lepas_lepas ngelag ngehang getas tipuan "
        "bengkok mudah_sobek cepat_habis beda_dari_foto koyak letoy",
    ),
    "price": (
        "harga tarifnya ongkirnya biayanya harga_menu harga_kamar paketnya pajaknya harga_tiket",
        "murah terjangkau bersahabat sepadan hemat ramah_kantong worth_it masuk_akal miring pas_di_kantong "
        "ekonomis bikin_dompet_senyum wajar merakyat kaki_lima aman_di_kantong murmer kompetitif ramah_mahasiswa "
        "irit murce",
        "mahal kemahalan overprice selangit mencekik boros bikin_kantong_jebol menguras_dompet kelewatan "
        "bikin_dompet_nangis lebay pemerasan gila_gilaan getok ketinggian bikin_bangkrut melambung menjerat jebol "
        "merampok digetok",
    ),
    "all": (
        "semuanya hotelnya tokonya restorannya warungnya pengalaman_di_sini kafe_ini produk_ini penginapannya "
        "tempat_ini pokoknya toko_ini homestay_nya bisnis_ini",
        "bagus mantap keren oke memuaskan istimewa luar_biasa sempurna top juara hebat cakep kece mantul jempolan "
        "asik ciamik sip prima apik paten gokil jos yahud terbaik menakjubkan memukau superb kece_badai best "
        "perfect unggul wow spektakuler",
        "jelek buruk parah payah mengecewakan kacau zonk hancur ampas amburadul berantakan ngaco menyebalkan "
        "bobrok memalukan busuk semrawut butut norak nyebelin ngeselin rongsok sampah kampungan ancur bapuk "
        "jeblok nista bikin_kecewa bikin_pusing cupu kureng blangsak remuk",
    ),
}

# the same word is good of one aspect and bad of another: (aspect, good, bad)
TURNING = (
    "ac dingin panas|kuah_sotonya panas dingin|es_jeruknya dingin panas|laptopnya tipis tebal|selimutnya tebal tipis|"
    "porsinya besar kecil|dus_paketnya besar kecil|kualitasnya tinggi rendah|harga_sewanya rendah tinggi|"
    "kasurnya lembut keras|speakernya keras lembut|antreannya pendek panjang|kabel_datanya panjang pendek|"
    "tasnya ringan berat|palunya berat ringan|sambalnya pedas manis|kopi_susunya manis pahit|lampu_baca terang gelap|"
    "kamar_tidurnya gelap terang|garansinya lama sebentar|nunggunya sebentar lama|bantalnya empuk keras|"
    "kerupuknya keras lembek|musiknya pelan kencang|wifinya kencang pelan|pengisian_dayanya kencang pelan|"
    "tekanan_airnya kencang pelan|cicilannya ringan berat"
)

VERY = "banget sekali bener abis parah pol maksimal tingkat_dewa sumpah asli poll jos_gandos kebangetan amat pisan"
JOY = "alhamdulillah wah asyik untungnya syukurlah hore suka senangnya yeay salut top_banget"
REGRET = "aduh duh sayangnya huft ih sialnya parahnya hadeh kesalnya kecewa ampun"
BEFORE = "sangat benar_benar super terlalu_dah emang beneran sumpah asli paling agak cukup bisa_dibilang jujur"
WHO = (
    "teman tetangga adik orang suami istri rekan_kantor sepupu review_lain ulasan_sebelah tante anak_kos ibu bos "
    "youtuber"
)
ITEMS = (
    "meja_lipat kaus_polos blender lampu_tidur sepatu_lari tas_ransel casing_hp jaket sprei rak_buku kipas_angin "
    "botol_minum panci_listrik mouse keyboard gorden charger topi payung helm jam_dinding kursi_plastik karpet"
)
MEALS = (
    "soto_ayam nasi_goreng bakso mie_ayam sate_kambing gado_gado rawon pecel_lele kopi_susu es_teh bubur_ayam "
    "rendang sup_buntut"
)
DAYS = "senin selasa rabu kamis jumat sabtu minggu kemarin tadi_pagi semalam lusa minggu_lalu bulan_lalu tanggal_lima"
PLACES = (
    "stasiun bandara pasar alun_alun kampus terminal mal pantai masjid_raya jalan_tol kantor_pos simpang_lima stadion"
)
COLOURS = "hitam putih merah biru abu_abu cokelat krem hijau ungu marun navy"
NUMBERS = "satu dua tiga empat lima 2 3 4 5 10 12"

CLOSERS_GOOD = (
    "recommended|bakal pesan lagi|pasti balik lagi|jadi langganan|puas pokoknya|terima kasih seller|bintang lima|"
    "wajib coba|langsung repeat order|ketagihan|senang belanja di sini|nggak nyesel|tidak kapok|highly recommended|"
    "makasih banyak kak|semoga laris terus|next order lagi|sampai pesan dua kali|nggak rugi sama sekali|"
    "dijamin betah|saya rekomendasikan ke teman"
)
CLOSERS_BAD = (
    "kapok|nggak bakal balik lagi|nyesel beli di sini|minta refund|cukup sekali saja|jangan beli di sini|rugi waktu|"
    "bintang satu|uang terbuang percuma|nggak recommended|tidak akan pesan lagi|langsung saya retur|kecewa berat|"
    "mending cari toko lain|tolong diperbaiki|buang duit doang|saya komplain malah diblokir|hati hati penipu|"
    "nggak lagi lagi|tidak puas sama sekali|ogah ke sini lagi"
)
