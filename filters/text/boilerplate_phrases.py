"""What pages put into `alt` when nobody described the image, language by language.

WORDS may stand in any number and order ("photo image 3"); PHRASES must be the whole caption. Both are compared with
captions as `normalise_caption` leaves them: case folded, without punctuation and digits.
"""

from __future__ import annotations

_WORDS = {
    "en": "image images img photo photos photograph pic pics picture pictures logo logotype icon icons avatar banner "
    "thumbnail thumbnails thumb screenshot untitled unnamed placeholder default alt alttext figure fig graphic "
    "spacer blank slide slider slideshow preview gallery attachment file null undefined none nan na tbd test "
    "loading",
    "de": "bild bilder foto fotos grafik abbildung abb symbolbild titelbild vorschaubild platzhalter unbenannt "
    "bildschirmfoto galerie miniaturbild",
    "es": "imagen imágenes fotografía fotografías foto icono ícono logotipo captura miniatura galería "
    "ilustración figura archivo vacío",
    "pt": "imagem imagens fotografia fotografias foto ícone logótipo logomarca captura miniatura galeria figura "
    "arquivo",
    "fr": "image photo photographie photographies illustration vignette icône logo aperçu galerie capture légende",
    "it": "immagine immagini foto fotografia fotografie icona logo miniatura anteprima galleria figura segnaposto",
    "nl": "afbeelding afbeeldingen foto plaatje plaatjes pictogram naamloos schermafbeelding miniatuur",
    "pl": "obraz obrazek obrazki zdjęcie zdjęcia fotografia grafika ikona miniatura galeria zrzut",
    "cs": "obrázek obrázky fotka fotky fotografie foto ikona náhled galerie snímek",
    "sk": "obrázok obrázky fotka fotografia ikona náhľad galéria",
    "sv": "bild bilder foto fotografi ikon miniatyrbild skärmbild namnlös",
    "da": "billede billeder foto ikon miniature skærmbillede",
    "no": "bilde bilder foto ikon miniatyrbilde skjermbilde",
    "fi": "kuva kuvat valokuva kuvake logo kuvakaappaus",
    "hu": "kép képek fénykép fotó ikon előnézet névtelen képernyőkép",
    "ro": "imagine imagini fotografie poză poze pictogramă siglă captură",
    "tr": "resim resmi resimler fotoğraf fotoğrafı fotoğraflar görsel görseli simge logosu görüntü",
    "vi": "ảnh hình",
    "id": "gambar foto ikon logo berkas",
    "ms": "imej gambar foto ikon",
    "tl": "larawan litrato",
    "sw": "picha",
    "hr": "slika slike fotografija fotografije ikona",
    "sl": "slika slike fotografija ikona",
    "lt": "nuotrauka nuotraukos paveikslėlis vaizdas",
    "lv": "attēls attēli foto fotogrāfija",
    "et": "pilt pildid foto",
    "ru": "изображение изображения фото фотография фотографии фотка картинка картинки рисунок логотип иконка значок "
    "баннер миниатюра скриншот превью обложка галерея аватар",
    "uk": "зображення фото фотографія фотографії світлина картинка малюнок логотип іконка банер скріншот",
    "bg": "изображение изображения снимка снимки картинка лого икона",
    "sr": "слика слике фотографија фотографије лого икона",
    "mk": "слика слики фотографија",
    "el": "εικόνα εικόνες φωτογραφία φωτογραφίες φωτο λογότυπο εικονίδιο",
    "ar": "صورة صوره الصورة صور الصور شعار أيقونة رمز",
    "fa": "تصویر تصاویر عکس عکسها لوگو آیکون",
    "ur": "تصویر تصاویر لوگو",
    "he": "תמונה תמונות התמונה לוגו סמל צילום",
    "hi": "छवि चित्र तस्वीर फोटो फ़ोटो लोगो इमेज",
    "bn": "ছবি চিত্র ফটো লোগো",
    "ta": "படம் படங்கள் புகைப்படம்",
    "te": "చిత్రం ఫోటో బొమ్మ",
    "mr": "चित्र छायाचित्र प्रतिमा फोटो",
    "th": "ภาพ รูป รูปภาพ ภาพถ่าย รูปถ่าย โลโก้",
    "ko": "이미지 사진 그림 로고 아이콘 썸네일 배너",
    "ja": "画像 写真 イメージ 図 ロゴ アイコン サムネイル バナー スクリーンショット 無題 サンプル画像 "
    "イメージ画像 商品画像",
    "zh": "图片 图像 照片 圖片 圖像 相片 图 圖 标志 標誌 商标 图标 圖標 圖示 头像 頭像 缩略图 縮圖 截图 截圖 横幅 "
    "封面 无标题 未命名 默认图片",
    "ka": "სურათი ფოტო ლოგო",
    "hy": "նկար լուսանկար պատկեր",
    "eu": "irudia argazkia",
    "ca": "imatge imatges fotografia foto icona",
    "km": "រូបភាព",
    "my": "ဓာတ်ပုံ ပုံ",
}

_PHRASES = {
    "en": "jpg|jpeg|png|gif|webp|svg|"
    "click to enlarge|click image to enlarge|click on image to enlarge|click here to enlarge|"
    "click for larger image|"
    "click to view larger image|click to zoom|tap to zoom|roll over image to zoom in|hover to zoom|view larger image|"
    "view larger|view full size|full size image|enlarge image|click here|read more|learn more|see more|view more|"
    "image not available|no image available|no image|no photo|no photo available|no picture available|not available|"
    "image not found|photo not available|image coming soon|photo coming soon|coming soon|missing image|broken image|"
    "image may contain|image of|photo of|picture of|a picture|a photo|an image|this image|photo by|image by|"
    "image for post|post image|featured image|feature image|main image|cover image|header image|hero image|"
    "product image|product photo|product picture|item image|article image|blog image|background image|"
    "profile picture|profile photo|profile image|user avatar|user image|author image|author photo|"
    "site logo|company logo|website logo|header logo|footer logo|brand logo|our logo|logo image|"
    "stock photo|stock image|stock photos|stock illustration|stock vector|royalty free stock photo|"
    "image description|image description here|image alt text|alt text|alt text here|insert alt text|image title|"
    "enter image description here|image caption|image credit|photo credit|image source|source image|"
    "image placeholder|"
    "your image here|your browser does not support|share on facebook|share on twitter|pin it|play video|"
    "video thumbnail|"
    "page not found|access denied|lorem ipsum|lorem ipsum dolor sit amet|screen shot|n a|not applicable|"
    "no description|"
    "no description available|no alt text provided for this image|no alternative text description for this image|"
    "this image has an empty alt attribute|this image has an empty alt attribute its file name is|decorative image",
    "de": "zum vergrößern klicken|zum vergrössern klicken|klicken zum vergrößern|klicken sie zum vergrößern|"
    "bild vergrößern|bild vergrössern|für eine größere ansicht klicken|kein bild|kein bild vorhanden|kein foto|"
    "kein bild verfügbar|bild nicht verfügbar|bild folgt|foto folgt|ohne titel|weiterlesen|mehr erfahren|"
    "hier klicken",
    "es": "haga clic para ampliar|haz clic para ampliar|clic para ampliar|click para ampliar|pulse para ampliar|"
    "pinche para ampliar|ampliar imagen|ver imagen|sin imagen|sin foto|imagen no disponible|foto no disponible|"
    "sin título|"
    "leer más|ver más|imagen de|foto de|imagen destacada|imagen del producto|foto de perfil|captura de pantalla",
    "pt": "clique para ampliar|clique na imagem para ampliar|ampliar imagem|sem imagem|sem foto|sem título|"
    "leia mais|ver mais|"
    "saiba mais|imagem não disponível|imagem indisponível|imagem de|foto de|foto de perfil|imagem do produto|"
    "imagem destacada",
    "fr": "cliquez pour agrandir|cliquer pour agrandir|cliquez sur l image pour agrandir|"
    "cliquez sur l image pour l agrandir|"
    "agrandir l image|voir l image|pas d image|pas de photo|image non disponible|image indisponible|"
    "photo non disponible|"
    "sans titre|lire la suite|en savoir plus|voir plus|image de|photo de|photo de profil|photo du produit|"
    "image du produit|"
    "capture d écran|cliquez ici",
    "it": "clicca per ingrandire|clicca sull immagine per ingrandire|cliccare per ingrandire|ingrandisci immagine|"
    "immagine non disponibile|nessuna immagine|senza titolo|leggi tutto|scopri di più|immagine di|foto di|"
    "foto profilo|immagine del prodotto|clicca qui",
    "nl": "klik om te vergroten|klik voor vergroting|klik op de afbeelding om te vergroten|klik voor groter|"
    "geen afbeelding|geen foto|geen afbeelding beschikbaar|afbeelding niet beschikbaar|zonder titel|lees meer|"
    "lees verder",
    "pl": "kliknij aby powiększyć|kliknij by powiększyć|powiększ zdjęcie|brak zdjęcia|brak obrazka|brak obrazu|"
    "bez tytułu|"
    "czytaj więcej|więcej|zrzut ekranu|zdjęcie profilowe",
    "cs": "klikněte pro zvětšení|kliknutím zvětšíte|zvětšit obrázek|bez názvu|obrázek není k dispozici|"
    "bez obrázku|číst dále",
    "sk": "kliknite pre zväčšenie|zväčšiť obrázok|bez názvu|bez obrázka",
    "sv": "klicka för att förstora|klicka för större bild|förstora bilden|bild saknas|ingen bild|läs mer|utan titel",
    "da": "klik for at forstørre|klik for større billede|intet billede|billede mangler|læs mere|uden titel",
    "no": "klikk for å forstørre|klikk for større bilde|ingen bilde|bilde mangler|les mer|uten tittel",
    "fi": "klikkaa suuremmaksi|suurenna kuva|ei kuvaa|kuva puuttuu|lue lisää|nimetön",
    "hu": "kattintson a nagyításhoz|nagyításhoz kattintson|nincs kép|cím nélkül|tovább",
    "ro": "click pentru a mări|faceți clic pentru a mări|fără imagine|imagine indisponibilă|fără titlu|"
    "citește mai mult",
    "tr": "büyütmek için tıklayın|büyütmek için tıkla|resmi büyüt|resim yok|resim bulunamadı|görsel yok|başlıksız|"
    "adsız|"
    "devamını oku|ekran görüntüsü|ürün resmi|ürün görseli|profil fotoğrafı",
    "vi": "nhấn để phóng to|bấm để phóng to|nhấp để phóng to|hình ảnh|bức ảnh|bức hình|tấm ảnh|không có ảnh|"
    "không có hình ảnh|"
    "không có tiêu đề|xem thêm|ảnh đại diện|ảnh bìa|ảnh chụp màn hình|ảnh minh họa|hình minh họa",
    "id": "klik untuk memperbesar|tidak ada gambar|gambar tidak tersedia|tanpa judul|baca selengkapnya|selengkapnya|"
    "tangkapan layar|foto profil",
    "hr": "kliknite za uvećanje|nema slike|bez naslova|slika nije dostupna",
    "ru": "нажмите чтобы увеличить|нажмите для увеличения|кликните для увеличения|щелкните чтобы увеличить|"
    "увеличить изображение|увеличить фото|увеличить|нет изображения|нет фото|изображение отсутствует|"
    "фото отсутствует|"
    "изображение недоступно|без названия|без имени|без заголовка|читать далее|подробнее|снимок экрана|фото профиля|"
    "фото товара|изображение товара",
    "uk": "натисніть щоб збільшити|натисніть для збільшення|збільшити|збільшити зображення|немає зображення|"
    "немає фото|"
    "без назви|читати далі|детальніше|знімок екрана|фото товару",
    "bg": "кликнете за увеличение|кликни за уголемяване|няма снимка|без заглавие|прочети повече",
    "sr": "кликните за увећање|нема слике|без наслова",
    "el": "κάντε κλικ για μεγέθυνση|πατήστε για μεγέθυνση|χωρίς εικόνα|χωρίς τίτλο|διαβάστε περισσότερα|"
    "δεν υπάρχει εικόνα",
    "ar": "اضغط للتكبير|اضغط لتكبير الصورة|انقر للتكبير|انقر لتكبير الصورة|تكبير الصورة|لا توجد صورة|"
    "الصورة غير متوفرة|"
    "بدون عنوان|بلا عنوان|اقرأ المزيد|المزيد|لقطة شاشة|صورة المنتج|صورة الملف الشخصي",
    "fa": "برای بزرگنمایی کلیک کنید|برای بزرگ نمایی کلیک کنید|بدون تصویر|بدون عنوان|تصویر موجود نیست|ادامه مطلب|"
    "تصویر شاخص",
    "he": "לחץ להגדלה|לחצו להגדלה|לחץ על התמונה להגדלה|הגדל תמונה|אין תמונה|ללא כותרת|ללא שם|קרא עוד|צילום מסך",
    "hi": "बड़ा करने के लिए क्लिक करें|कोई चित्र नहीं|कोई छवि नहीं|छवि उपलब्ध नहीं|शीर्षकहीन|बिना शीर्षक|और पढ़ें",
    "bn": "বড় করতে ক্লিক করুন|কোনো ছবি নেই|শিরোনামহীন|আরও পড়ুন",
    "th": "คลิกเพื่อขยาย|คลิกที่ภาพเพื่อขยาย|คลิกดูภาพใหญ่|คลิกเพื่อดูภาพขยาย|ไม่มีรูปภาพ|ไม่มีภาพ|ไม่มีชื่อ|อ่านต่อ|ภาพประกอบ|ภาพหน้าจอ",
    "ko": "클릭하면 확대됩니다|클릭하여 확대|클릭시 확대|이미지 확대|사진 확대|크게 보기|이미지 없음|사진 없음|"
    "이미지 준비중|"
    "제목 없음|제목없음|더 보기|더보기|대표 이미지|상품 이미지|프로필 사진|스크린샷|본문 이미지|첨부 이미지",
    "ja": "クリックで拡大|クリックすると拡大します|クリックして拡大|画像をクリックすると拡大します|"
    "画像をクリックで拡大|拡大|拡大画像|拡大する|"
    "画像を拡大する|画像なし|画像がありません|写真なし|準備中|画像準備中|ノーイメージ|続きを読む|もっと見る|"
    "詳細はこちら|"
    "アイキャッチ|アイキャッチ画像|プロフィール画像|プロフィール写真|メイン画像|画像はイメージです|タイトルなし|"
    "名称未設定|の画像|の写真",
    "zh": "点击放大|点击查看大图|点击图片放大|点击图片查看大图|点击看大图|點擊放大|點擊查看大圖|點圖放大|"
    "點擊圖片放大|查看大图|查看大圖|"
    "放大图片|放大圖片|暂无图片|暫無圖片|没有图片|沒有圖片|无图|图片加载中|图片描述|在这里插入图片描述|"
    "这里写图片描述|"
    "输入图片说明|图片说明|圖片說明|产品图片|產品圖片|商品图片|商品圖片|用户头像|阅读更多|閱讀更多|查看更多|无题|"
    "無標題|未命名图片|屏幕截图|"
    "文章图片|封面图|封面圖|配图|插图",
}

WORDS: frozenset[str] = frozenset(word for words in _WORDS.values() for word in words.split())
PHRASES: frozenset[str] = frozenset(phrase for phrases in _PHRASES.values() for phrase in phrases.split("|"))
